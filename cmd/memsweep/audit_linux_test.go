package main

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/memtest"
	"github.com/memsweep/memsweep/internal/memtest/realtest"
)

// reported is a finding about one address in the JSON report that a command
// line writes.
func reported(t *testing.T, at netip.AddrPort, args ...string) *exposure.Finding {
	t.Helper()
	var out, said bytes.Buffer
	called(&out, &said, args...)
	var doc struct{ Findings []exposure.Finding }
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatalf("memsweep %s: %v\n%s", strings.Join(args, " "), err, said.String())
	}
	for _, f := range doc.Findings {
		if f.IP == at.Addr() && f.TCP != nil && f.TCP.Port == at.Port() {
			return &f
		}
	}
	return nil
}

// TestAuditAgreesWithScan: for the same endpoint of a real memcached, the view
// from inside and the one from outside come to the same verdict.
func TestAuditAgreesWithScan(t *testing.T) {
	t.Parallel()
	for _, posture := range []memtest.Posture{
		memtest.Open, memtest.ASCIIOnly, memtest.BinaryOnly, memtest.Reflector, memtest.ASCIIAuth, memtest.SASL,
		memtest.TLS, memtest.MutualTLS, memtest.TLSReflector,
	} {
		t.Run(string(posture), func(t *testing.T) {
			target := realtest.Start(t, posture)
			at := target.Addr
			scanned := reported(t, at, "scan", at.Addr().String(), "--port", strconv.Itoa(int(at.Port())), "--format", "json", "--trust", "trusted", "--cooldown", "100ms")
			audited := reported(t, at, "audit", "--format", "json")
			if scanned == nil || audited == nil {
				t.Fatalf("scanned %v, audited %v", scanned, audited)
			}
			if audited.Verdict != scanned.Verdict {
				t.Errorf("audited as %s, scanned as %s", audited.Verdict, scanned.Verdict)
			}
			if audited.Severity != exposure.Info {
				t.Errorf("%s, although nobody else reaches loopback", audited.Severity)
			}
			for _, pair := range [][2]*exposure.Observation{{scanned.TCP, audited.TCP}, {scanned.UDP, audited.UDP}} {
				agree(t, pair[0], pair[1])
			}
		})
	}
}

// agree compares what both saw. The audit may know more.
func agree(t *testing.T, scan, audit *exposure.Observation) {
	t.Helper()
	if audit.State != scan.State || audit.TLS != scan.TLS || audit.State.Answered() && audit.Auth != scan.Auth {
		t.Errorf("%s: audited %s, %s, TLS %v; scanned %s, %s, TLS %v", scan.Transport, audit.State, audit.Auth, audit.TLS, scan.State, scan.Auth, scan.TLS)
	}
	if os.Geteuid() == 0 && scan.Version != nil && (audit.Version == nil || *audit.Version != *scan.Version) {
		t.Errorf("%s: the version is %v", scan.Transport, audit.Version)
	}
	if a, b := audit.Settings, scan.Settings; a != nil && b != nil {
		if *a.Inter != *b.Inter || *a.MaxConns != *b.MaxConns || *a.MaxBytes != *b.MaxBytes || *a.ItemSizeMax != *b.ItemSizeMax ||
			*a.BindingProtocol != *b.BindingProtocol || *a.TCPPort != *b.TCPPort || *a.UDPPort != *b.UDPPort {
			t.Errorf("%s: settings\naudited %+v\nscanned %+v", scan.Transport, a, b)
		}
	}
	if a, b := audit.Stats, scan.Stats; a != nil && b != nil && *a.PID != *b.PID {
		t.Errorf("%s: PID %d, but it says %d itself", scan.Transport, *a.PID, *b.PID)
	}
}
