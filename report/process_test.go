package report

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
)

// TestProcessIsKept: what an audit adds to an observation is in the schema, and
// is read back as it was written.
func TestProcessIsKept(t *testing.T) {
	t.Parallel()
	bound := netip.MustParseAddrPort("0.0.0.0:11211")
	x := whole()
	x.findings[0].TCP.Process = &exposure.Process{
		PID: 812, User: "memcache", Root: true, Executable: "/usr/bin/memcached", Command: []string{"memcached", "-l\x1b", "0.0.0.0"},
		Bound: &bound, Namespace: "net:[4026532177]", Service: "memcached.service",
		Drift: &exposure.Drift{Source: "/etc/memcached.conf", Worse: []string{"run as root"}, Better: []string{"ask for more"}},
	}
	document := x.write(t, "json", Options{})
	if err := validate(compiled(t, ""), string(document)); err != nil {
		t.Error(err)
	}
	if again := mustConvert(t, document, "json"); string(again) != string(document) {
		t.Error(cmp.Diff(string(document), string(again)))
	}
	for _, broken := range [][2]string{{`"pid": 812`, `"pid": -1`}, {`"root": true`, `"root": "yes"`}, {`"source": "/etc/memcached.conf",`, ``}} {
		if err := validate(compiled(t, ""), strings.Replace(string(document), broken[0], broken[1], 1)); err == nil {
			t.Errorf("%s is valid", broken[1])
		}
	}
}
