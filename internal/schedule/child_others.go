//go:build !unix

package schedule

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

func ownProcess() *syscall.SysProcAttr { return nil }

func inherit(*exec.Cmd, *os.File) {}

// softly cannot be done by a signal here.
func softly(*os.Process) error { return errors.ErrUnsupported }
