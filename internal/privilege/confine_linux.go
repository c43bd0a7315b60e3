package privilege

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// systemFiles are what the Go runtime, the resolver and the kernel's counters
// are read from. /proc/self, not /proc: not the secrets of other processes.
func systemFiles() []string {
	return []string{
		"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/services", "/etc/protocols", "/etc/localtime",
		"/etc/ssl", "/etc/pki", "/usr/share/zoneinfo", "/usr/share/ca-certificates",
		"/dev/null", "/dev/urandom", "/proc/self", "/proc/sys/net", "/proc/sys/kernel", "/sys/class/net", "/sys/devices",
	}
}

// Confine lets this process read only what is named, write only what is named,
// and start no other program. It is about files that are not open yet: name
// everything that will be opened later. A file to be written that is not there
// yet, or that is to be replaced by renaming another, is named by its folder.
// Files of the system that the runtime reads are always allowed; the network
// is not touched.
//
// It does the best that the kernel can, and level says what that is.
func Confine(read, write []string) (level string, err error) {
	abi, err := llsys.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return "none: the kernel has no landlock", nil
	}
	const files, folder = llsys.AccessFSReadFile, llsys.AccessFSReadDir
	rules := []landlock.Rule{}
	for _, path := range append(systemFiles(), read...) {
		access := landlock.AccessFSSet(files)
		switch info, err := os.Stat(path); {
		case errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission):
			continue // nothing to allow
		case err != nil:
			return "", fmt.Errorf("confine: %w", err)
		case info.IsDir():
			access |= folder
		}
		rules = append(rules, landlock.PathAccess(access, path).IgnoreIfMissing())
	}
	for _, path := range write {
		rule, err := writable(path)
		if err != nil {
			return "", err
		}
		rules = append(rules, rule)
	}
	if err := landlock.V9.BestEffort().RestrictPaths(rules...); err != nil {
		return "", fmt.Errorf("confine: %w", err)
	}
	return fmt.Sprintf("landlock ABI %d: %s", abi, covers(abi)), nil
}

func writable(path string) (landlock.Rule, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("confine to %s: %w", filepath.Clean(path), err)
	case !info.IsDir():
		return landlock.RWFiles(path), nil
	}
	// Not RWDirs: that would let files be executed, and devices be made.
	const access = llsys.AccessFSReadFile | llsys.AccessFSReadDir | llsys.AccessFSWriteFile | llsys.AccessFSTruncate |
		llsys.AccessFSMakeReg | llsys.AccessFSRemoveFile
	return landlock.PathAccess(access, path), nil
}

// covers says what a version of landlock can hold back; each holds back what
// the ones before do ("Previous limitations" in the kernel's
// Documentation/userspace-api/landlock.rst).
func covers(abi int) string {
	switch {
	case abi >= 9:
		return "files, truncation, devices and local sockets"
	case abi >= 5:
		return "files, truncation and devices"
	case abi >= 3:
		return "files and truncation"
	}
	return "files, but not truncation"
}
