package schedule

import (
	"os"
	"os/exec"
	"syscall"
)

// ownProcess is how a sweep is started: in a group of its own, so that Ctrl-C at
// the terminal reaches it once, by way of us; and told to stop when we end, however
// we end (prctl(2), PR_SET_PDEATHSIG). Linux forgets the latter when the program
// has capabilities of its own; then it stops when it finds that nobody listens.
func ownProcess() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// inherit lets a sweep hold the lock too.
func inherit(cmd *exec.Cmd, lock *os.File) { cmd.ExtraFiles = []*os.File{lock} }

func softly(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
