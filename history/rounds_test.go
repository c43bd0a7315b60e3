package history_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain has properties tried less often than rapid does by itself, 100 times:
// a try is some files, each folded again and again. LAB_FULL=1 tries them 500
// times, which is most of an hour under the race detector; -rapid.checks=N, N times.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		checks := "15"
		if long() {
			checks = "500"
		}
		if err := flag.Set("rapid.checks", checks); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// long reports whether time is no matter.
func long() bool { return os.Getenv("LAB_FULL") != "" }
