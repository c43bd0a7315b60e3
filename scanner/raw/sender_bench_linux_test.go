package raw

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkSend is what a frame costs at full speed over a veth whose far end
// drops it at once. Both ends run on the sender's thread.
func BenchmarkSend(b *testing.B) {
	for _, name := range []string{"packet", "afxdp", "xdp"} {
		for _, batch := range []int{1, 32, 64, 256} {
			b.Run(fmt.Sprintf("%s/%d", name, batch), func(b *testing.B) {
				v := newVeth(b)
				v.takeXDP(xdpDrop)
				path := v.path("192.0.2.1")
				tmpl, err := NewUDPTemplate(path, 11211, question, 0)
				must(b, err)
				s, _, err := NewSender(path, tmpl, name)
				must(b, err)
				defer s.Close()
				frames := someFrames(tmpl, batch)
				b.ReportAllocs()
				b.ResetTimer()
				before := cpuTime(b)
				for left := b.N; left > 0; left -= batch {
					_, err := s.Send(frames[:min(left, batch)])
					must(b, err)
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/frame")
				lost, err := s.Drops()
				must(b, err)
				b.ReportMetric(float64(lost.Lost()), "lost")
			})
		}
	}
}

// cpuTime is what this process has used, user and system.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
