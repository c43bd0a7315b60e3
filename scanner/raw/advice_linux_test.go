package raw

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A wrong flag is no lack of privileges.
func TestAdvised(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{fmt.Errorf("--source 192.0.2.9: not an address of this machine"), false},
		{fmt.Errorf("open socket: %w", unix.EPERM), true},
		{fmt.Errorf("udp: open sender: %w: xdp: no", errNoSender), true},
	} {
		if got := strings.Contains(advised(c.err).Error(), "memsweep doctor"); got != c.want {
			t.Errorf("%v: sent to the doctor: %v", c.err, got)
		}
	}
}
