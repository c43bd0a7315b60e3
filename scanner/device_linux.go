package scanner

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// bindToDevice makes a socket send and receive by one interface: socket(7),
// SO_BINDTODEVICE. Since Linux 5.7 it takes no privileges.
func bindToDevice(fd int, name string) error {
	if err := unix.BindToDevice(fd, name); err != nil {
		return fmt.Errorf("bind to interface %s: %w", name, err)
	}
	return nil
}
