package lab_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/memsweep/memsweep/internal/lab"
)

func namespaces(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestTakenDown kills the maker of a lab, and looks for what it leaves behind.
func TestTakenDown(t *testing.T) {
	if err := lab.Possible(); err != nil {
		t.Skipf("no lab: %v", err)
	}
	// This test binary again, as a process that makes a lab and waits.
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestHold$", "-test.v")
	cmd.Env = append(cmd.Environ(), "LAB_HOLD=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	var said strings.Builder
	for buf := make([]byte, 256); !strings.Contains(said.String(), "holding "); {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			t.Fatalf("it made no lab: %s", said.String())
		}
	}
	_, rest, _ := strings.Cut(said.String(), "holding ")
	name := strings.Fields(rest)[0]
	if !strings.Contains(namespaces(t), name) {
		t.Fatalf("namespace %s is not there: %s", name, namespaces(t))
	}
	cmd.Process.Kill()
	for deadline := time.Now().Add(10 * time.Second); strings.Contains(namespaces(t), name); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("10 s after its maker was killed, namespace %s is still there", name)
		}
	}
}

// TestNoWayOut: packets to anywhere but the range have nowhere to go.
func TestNoWayOut(t *testing.T) {
	l := lab.New(t, lab.Options{})
	for _, to := range []string{"192.0.2.1", "2001:db8::1", "172.31.254.1", "1.1.1.1"} {
		r, err := l.Run(t.Context(), "ip", "route", "get", to)
		if err != nil {
			t.Fatal(err)
		}
		if r.Code == 0 {
			t.Errorf("there is a route to %s: %s", to, r.Stdout)
		}
	}
}
