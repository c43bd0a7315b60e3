//go:build unix && !linux

package schedule

import (
	"os"
	"os/exec"
	"syscall"
)

// ownProcess puts a sweep into a group of its own, so that Ctrl-C at the terminal
// reaches it once, by way of us. It stops when it finds that nobody listens.
func ownProcess() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// inherit lets a sweep hold the lock too.
func inherit(cmd *exec.Cmd, lock *os.File) { cmd.ExtraFiles = []*os.File{lock} }

func softly(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
