package lab_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/lab"
)

// TestInterfaceDown takes the interface away in the middle of a sweep. It must
// stop, say why, and go on later as if nothing had been.
func TestInterfaceDown(t *testing.T) {
	engines(t, func(t *testing.T, e engine) {
		l := lab.New(t, lab.Options{Within: within(small), Answering: few})
		path, err := program()
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "report.json")
		p, err := l.Start(t.Context(), path, arguments(e, out, small, "--probe", "udp", "--rate", "1000", "--tries", "1", "--timeout", "250ms", "--cooldown", "300ms")...)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		if err := l.Carry(false); err != nil {
			t.Fatal(err)
		}
		r, err := p.Wait()
		if err != nil {
			t.Fatal(err)
		}
		s := read(t, r, out)
		o := s.outcomes()
		if s.Code != 3 || s.summary.Status != exposure.Incomplete || o.LocalError+o.NotScanned == 0 {
			t.Errorf("exit %d, %s, %+v, %q", s.Code, s.summary.Status, o, s.summary.Problems)
		}
		if why := strings.Join(s.summary.Problems, "; "); !strings.Contains(why, "down") && !strings.Contains(why, "most questions fail") {
			t.Errorf("it does not say why: %q", why)
		}
		if hint := strings.Join(append([]string{"--resume", out + ".checkpoint"}, e.flags[2:]...), " ") + "\n"; !strings.Contains(s.Stderr, hint) {
			t.Errorf("it says %q, and not %q", s.Stderr, hint)
		}
		if err := l.Carry(true); err != nil {
			t.Fatal(err)
		}
		again, err := l.Run(t.Context(), path, "scan", "-q", "--fail-on", "never", "--resume", out+".checkpoint")
		if err != nil {
			t.Fatal(err)
		}
		s = read(t, again, out)
		s.found(t, l, few)
		s.complete(t)
	})
}

// TestCarrierLost unplugs the interface, or takes it down, when most of a sweep
// is done. A raw engine notices at once.
func TestCarrierLost(t *testing.T) {
	for name, cut := range map[string]func(l *lab.Lab) error{
		"unplugged": func(l *lab.Lab) error { return l.Connect(false) },
		"down":      func(l *lab.Lab) error { return l.Carry(false) },
	} {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, e engine) {
				if e.name != "raw" {
					return // sockets are told of nothing
				}
				l := lab.New(t, lab.Options{Within: within(small), Answering: few})
				wait := start(t, l, e, "10.64.0.0/12", "--probe", "udp", "--rate", "20000", "--tries", "1")
				time.Sleep(3 * time.Second)
				begin := time.Now()
				if err := cut(l); err != nil {
					t.Fatal(err)
				}
				s := wait()
				why := strings.Join(s.summary.Problems, "; ")
				if s.Code != 3 || s.summary.Status != exposure.Incomplete || !strings.Contains(why, "down") {
					t.Errorf("exit %d, %s, %q", s.Code, s.summary.Status, s.summary.Problems)
				}
				if took := time.Since(begin); took > 10*time.Second {
					t.Errorf("it took %v to notice", took)
				}
			})
		})
	}
}

// TestMinHitRate stops a sweep that brings nothing back.
func TestMinHitRate(t *testing.T) {
	engines(t, func(t *testing.T, e engine) {
		l := lab.New(t, lab.Options{Answering: -1})
		s := sweep(t, l, e, "10.65.0.0/18", "--probe", "udp", "--rate", "1000", "--tries", "1", "--min-hitrate", "0.01")
		if s.Code != 3 || s.summary.Status != exposure.Incomplete || !strings.Contains(strings.Join(s.summary.Problems, "; "), "--min-hitrate") {
			t.Errorf("exit %d, %s, %q", s.Code, s.summary.Status, s.summary.Problems)
		}
	})
}
