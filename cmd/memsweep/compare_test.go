package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/memsweep/memsweep/exposure/matrix"
	"github.com/memsweep/memsweep/internal/memtest"
	"github.com/memsweep/memsweep/internal/memtest/realtest"
)

// TestAuditJoinsComparison: the audit of a real server is a vantage beside the
// sweep of it, and both saw one process.
func TestAuditJoinsComparison(t *testing.T) {
	t.Parallel()
	target := realtest.Start(t, memtest.Reflector)
	folder := t.TempDir()
	swept, audited := filepath.Join(folder, "swept.json"), filepath.Join(folder, "audited.json")
	var out, said bytes.Buffer
	memsweep := func(args ...string) {
		out.Reset()
		called(&out, &said, args...)
	}
	memsweep("scan", target.Addr.Addr().String(), "-p", strconv.Itoa(int(target.Addr.Port())), "--cooldown", "100ms", "--vantage", "inet", "-q", "-o", swept)
	memsweep("audit", "-q", "-o", audited)
	memsweep("compare", swept, audited, "--unfinished", "--format", "json") // without root an audit does not see everything

	var m matrix.Matrix
	if err := json.Unmarshal(out.Bytes(), &m); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	found := 0
	for _, r := range m.Rows {
		if r.IP != target.Addr.Addr() || r.Port != target.Addr.Port() {
			continue
		}
		found++
		if len(r.Cells) != 2 || !r.Cells[0].Answered() || r.Cells[0].State != r.Cells[1].State {
			t.Errorf("%s: %v", r, r.Cells)
		}
		if len(r.Patterns) != 1 || r.Patterns[0].Kind != matrix.Everywhere {
			t.Errorf("%s: %v", r, r.Patterns)
		}
	}
	if found != 2 {
		t.Errorf("%d rows of %s, want TCP and UDP\n%s%s", found, target.Addr, out.String(), said.String())
	}
}
