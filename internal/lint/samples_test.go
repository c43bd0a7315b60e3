package lint

import (
	"strings"
	"testing"
)

// A sample is a made-up file, and the rule that it breaks ("" for none).
type sample struct {
	breaks string
	path   string
	text   string
}

var samples = []sample{
	{"imports go downward", "exposure/x.go", `package exposure; import _ "github.com/memsweep/memsweep/report"`},
	{"imports go downward", "exposure/x.go", `package exposure; import _ "go4.org/netipx"`},
	{"imports go downward", "exposure/x.go", `package exposure; import _ "os"`},
	{"imports go downward", "targets/x.go", `package targets; import _ "github.com/memsweep/memsweep/exposure"`},
	{"imports go downward", "targets/x.go", `package targets; import _ "github.com/projectdiscovery/mapcidr"`},
	{"imports go downward", "targets/x_test.go", `package targets; import _ "github.com/projectdiscovery/mapcidr"`},
	{"imports go downward", "probes/x.go", `package probes; import _ "crypto/tls"`},
	{"imports go downward", "probes/x.go", `package probes; import _ "github.com/memsweep/memsweep/scanner"`},
	{"imports go downward", "probes/x.go", `package probes; import _ "github.com/google/gopacket/layers"`},
	{"imports go downward", "report/x.go", `package report; import _ "github.com/memsweep/memsweep/probes"`},
	{"imports go downward", "report/x.go", `package report; import _ "github.com/google/go-cmp/cmp"`},
	{"imports go downward", "report/x_test.go", `package report; import _ "github.com/google/gopacket"`},
	{"imports go downward", "scanner/x.go", `package scanner; import _ "github.com/memsweep/memsweep/report"`},
	{"imports go downward", "scanner/x.go", `package scanner; import _ "github.com/memsweep/memsweep/internal/memtest"`},
	{"imports go downward", "scanner/x.go", `package scanner; import "C"`},
	{"imports go downward", "internal/memtest/x.go", `package memtest; import _ "testing"`},
	{"imports go downward", "internal/memtest/x.go", `package memtest; import _ "github.com/memsweep/memsweep/internal/memtest/realtest"`},
	{"imports go downward", "cmd/memsweep/x.go", `package main; import _ "github.com/google/gopacket"`},
	{"imports go downward", "newcomer/x.go", `package newcomer`},
	{"imports go downward", "exposure/policy/x.go", `package policy; import _ "github.com/memsweep/memsweep/report"`},
	{"", "targets/cidr.go", `package targets; import _ "github.com/projectdiscovery/mapcidr"`},
	{"", "probes/x_test.go", `package probes; import _ "github.com/google/gopacket/pcapgo"`},
	{"", "internal/memtest/realtest/x.go", `package realtest; import _ "testing"; var n int`},
	{"", "scanner/x.go", `package scanner; import (_ "net"; _ "golang.org/x/sys/unix"; _ "github.com/memsweep/memsweep/probes")`},

	{"no init", "report/x.go", `package report; func init() {}`},
	{"no init", "report/x_test.go", `package report; func init() {}`},
	{"", "report/x.go", `package report; type T int; func (T) init() {}`},

	{"goroutines only beside sockets", "report/x.go", `package report; func f() { go f() }`},
	{"goroutines only beside sockets", "targets/x.go", `package targets; import "sync"; func f() { var wg sync.WaitGroup; wg.Go(f) }`},
	{"goroutines only beside sockets", "targets/x.go", `package targets; import "time"; func f() { time.AfterFunc(1, f) }`},
	{"", "scanner/x.go", `package scanner; func f() { go f() }`},
	{"", "report/x_test.go", `package report; func f() { go f() }`},

	{"no clock in pure packages", "exposure/x.go", `package exposure; import "time"; var now = time.Now()`},
	{"no clock in pure packages", "probes/x.go", `package probes; import "time"; func f() { time.Sleep(1) }`},
	{"no clock in pure packages", "exposure/policy/x.go", `package policy; import "time"; var now = time.Now()`},
	{"", "probes/x.go", `package probes; import "time"; const quiet = 2 * time.Second`},
	{"", "scanner/x.go", `package scanner; import "time"; func f() time.Time { return time.Now() }`},

	{"only main ends the program", "scanner/x.go", `package scanner; import "os"; func f() { os.Exit(1) }`},
	{"only main ends the program", "cmd/memsweep/scan.go", `package main; import "log"; func f() { log.Fatalf("x") }`},
	{"", "cmd/memsweep/main.go", `package main; import "os"; func main() { os.Exit(run()) }`},
	{"", "cmd/memsweep/scan.go", `package main; import "github.com/urfave/cli/v2"; func f() error { return cli.NewApp().Run(nil) }`},

	{"no shared mutable state", "probes/x.go", `package probes; var registry []string`},
	{"no shared mutable state", "probes/x.go", `package probes; var seen = make(map[string]bool)`},
	{"no shared mutable state", "report/x.go", `package report; type T struct{}; var current = &T{}`},
	{"no shared mutable state", "report/x.go", `package report; import "sync"; var pool = sync.Pool{}`},
	{"no shared mutable state", "report/x.go", `package report; var version string`},
	{"", "report/x.go", `package report; import "errors"; var ErrShort = errors.New("short")`},
	{"", "report/x.go", "package report; import _ \"embed\"\n\n//go:embed schema.json\nvar schema []byte"},
	{"", "report/x.go", `package report; var order = map[string]int{"high": 1}`},
	{"", "cmd/memsweep/x.go", `package main; var version string`},

	{"short files", "report/x.go", `package report` + strings.Repeat("\n//", maxLines)},
	{"", "report/x.go", `package report` + strings.Repeat("\n//", maxLines-1)},
	{"", "report/x_test.go", `package report` + strings.Repeat("\n//", maxLines)},

	{"telling package names", "report/x.go", `package utils`},
	{"telling package names", "report/x_test.go", `package helpers_test`},

	{"harmless by construction", "probes/x.go", `package probes; const q = "stats reset\r\n"`},
	{"harmless by construction", "probes/x.go", `package probes; const q = "stats r"`},
	{"harmless by construction", "probes/x.go", `package probes; const q = "stats extstore"`},
	{"harmless by construction", "probes/x.go", `package probes; const q = "get "`},
	{"harmless by construction", "probes/x.go", `package probes; var q = []byte("GET key\r\n")`},
	{"harmless by construction", "scanner/x.go", `package scanner; const q = "flush_all"`},
	{"harmless by construction", "scanner/x.go", "package scanner; const q = `lru_crawler metadump all`"},
	{"harmless by construction", "scanner/x.go", `package scanner; const q = "shutdown\r\n"`},
	{"harmless by construction", "scanner/x.go", `package scanner; const q = "verbosity 1\n"`},
	{"", "probes/x.go", `package probes; const (a = "stats\r\n"; b = "stats settings\r\n"; c = "version\r\n"; d = "END\r\n")`},
	{"", "probes/x.go", `package probes; const a, b = "verbosity", "shutdown_command"`},
	{"", "scanner/x.go", `package scanner; const e = "set deadline: %w"`},
	{"", "probes/x_test.go", `package probes; const q = "flush_all\r\n"`},
}

// TestSamples shows that every rule can fail, and for the right reason.
func TestSamples(t *testing.T) {
	t.Parallel()
	caught := map[string]bool{}
	for _, sample := range samples {
		s, err := parse(sample.path, []byte(sample.text))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			wrong := r.check(s)
			switch {
			case r.name == sample.breaks && len(wrong) == 0:
				t.Errorf("%q allows, in %s:\n%s", r.name, sample.path, sample.text)
			case r.name == sample.breaks:
				caught[r.name] = true
			case sample.breaks == "" && len(wrong) > 0:
				t.Errorf("%q rejects, in %s:\n%s\n%s", r.name, sample.path, sample.text, wrong)
			}
		}
	}
	for _, r := range rules {
		if !caught[r.name] {
			t.Errorf("no sample shows that %q can fail", r.name)
		}
	}
}
