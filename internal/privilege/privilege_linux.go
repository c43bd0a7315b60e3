package privilege

import (
	"fmt"
	"os"
	"os/user"
	"strconv"

	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Read says what this process may do now.
func Read() (Status, error) {
	s := Status{User: userName(), UID: os.Geteuid()}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return s, fmt.Errorf("read the kernel's version: %w", err)
	}
	s.Kernel = unix.ByteSliceToString(uts.Release[:])
	set := cap.GetProc()
	for _, v := range []cap.Value{cap.NET_RAW, cap.NET_ADMIN, cap.BPF, cap.PERFMON} {
		c, err := capability(set, v)
		if err != nil {
			return s, fmt.Errorf("read capability %s: %w", v, err)
		}
		s.Capabilities = append(s.Capabilities, c)
	}
	noNew, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil {
		return s, fmt.Errorf("read no_new_privs: %w", err)
	}
	s.NoNewPrivs = noNew == 1
	if abi, err := llsys.LandlockGetABIVersion(); err == nil { // an error: none
		s.Landlock = abi
	}
	return s, nil
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Geteuid()) // as in an image without /etc/passwd
}

func capability(set *cap.Set, v cap.Value) (Capability, error) {
	c := Capability{Name: v.String()}
	if v >= cap.MaxBits() {
		return c, nil // the kernel is older than the capability
	}
	var err error
	if c.Effective, err = set.GetFlag(cap.Effective, v); err != nil {
		return c, err
	}
	if c.Permitted, err = set.GetFlag(cap.Permitted, v); err != nil {
		return c, err
	}
	bound, err := cap.GetBound(v)
	if err != nil {
		return c, err
	}
	c.Bounded = !bound
	c.Ambient, _ = cap.GetAmbient(v) // before Linux 4.3 there are none
	return c, nil
}

// Drop gives up all capabilities, in every set and on every thread, for good:
// programs that this process starts get none either. The bounding set is
// emptied as far as the process may (CAP_SETPCAP), which is no loss where it
// may not: no_new_privs has the same effect.
//
// A process of root is still the owner of root's files, but can no longer
// write where only CAP_DAC_OVERRIDE let it, such as in the home of the user
// who called sudo. Try to write before anything is sent.
func Drop() error {
	if err := cap.ResetAmbient(); err != nil && ambientKnown() {
		return fmt.Errorf("drop ambient capabilities: %w", err)
	}
	for v := cap.Value(0); v < cap.MaxBits(); v++ {
		if cap.DropBound(v) != nil {
			break // not allowed to; then not for any
		}
	}
	if err := cap.NewSet().SetProc(); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	// PR_SET_NO_NEW_PRIVS is 38: prctl(2).
	if _, err := cap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	return nil
}

// ambientKnown reports whether the kernel has ambient capabilities (Linux 4.3).
func ambientKnown() bool {
	_, err := cap.GetAmbient(cap.NET_RAW)
	return err == nil
}
