package lint

import (
	"path"
	"slices"
	"strings"
)

// A layer says what a package may import besides the standard library.
type layer struct {
	own    []string // packages of this module
	others []string // modules or packages of others
	not    []string // packages of the standard library that it must do without
}

// pure is what a package without sockets, files and clocks does not import.
var pure = []string{"os", "os/exec", "os/signal", "net", "net/http", "crypto/tls", "syscall", "log", "log/slog", "io/ioutil"}

// layers is the whole dependency diagram; imports go strictly downward. A new
// package, or a new dependency of an old one, is a line here.
var layers = map[string]layer{
	"exposure":        {not: pure},
	"probes":          {own: []string{"exposure"}, not: pure},
	"targets":         {own: []string{"internal/handwritten"}, others: []string{"github.com/projectdiscovery/mapcidr", "go4.org/netipx", "go.yaml.in/yaml/v3"}},
	"report":          {own: []string{"exposure", "exposure/matrix", "internal/spool"}},
	"exposure/matrix": {own: []string{"exposure"}, not: pure},
	"exposure/policy": {own: []string{"exposure", "targets", "internal/handwritten"}, others: []string{"go.yaml.in/yaml/v3"}, not: pure},
	"scanner": {
		own:    []string{"exposure", "targets", "probes", "internal/spool"},
		others: []string{"github.com/dchest/siphash", "golang.org/x/net", "golang.org/x/sys", "golang.org/x/time"},
	},
	"scanner/raw": {
		own: []string{"exposure", "targets", "probes", "scanner"},
		others: []string{
			"github.com/cilium/ebpf", "github.com/google/gopacket", "github.com/vishvananda", "go4.org/netipx",
			"golang.org/x/net", "golang.org/x/sys", "golang.org/x/time",
		},
	},
	"internal/privilege": {
		others: []string{"github.com/cilium/ebpf", "github.com/landlock-lsm/go-landlock", "golang.org/x/sys", "kernel.org/pub/linux/libs/security/libcap"},
	},
	"internal/audit":   {own: []string{"exposure"}, not: []string{"net", "net/http", "crypto/tls", "testing"}},
	"internal/memtest": {own: []string{"exposure", "probes"}, not: []string{"testing"}},
	testOnly:           {},
	browserOnly:        {others: []string{"github.com/chromedp"}},
	"internal/lint":    {},
	"deploy":           {}, // tests only
	// The lab and the benchmark around it are for tests and for `make bench`.
	"internal/lab":       {own: []string{"internal/memtest", "exposure", "report"}, others: []string{"github.com/cilium/ebpf", "golang.org/x/sys"}},
	"internal/lab/bench": {own: []string{"internal/lab", "exposure", "report"}, others: []string{"golang.org/x/sys"}},
	"internal/spool":     {others: []string{"github.com/klauspost/compress"}},

	"internal/asked": {own: []string{"exposure", "exposure/matrix", "probes", "scanner", "targets"}, not: pure},
	"history/life":   {own: []string{"exposure"}, not: pure},
	"history": {
		own:    []string{"exposure", "exposure/matrix", "history/life", "internal/asked", "internal/spool", "report"},
		others: []string{"modernc.org/sqlite", "github.com/klauspost/compress"},
	},
	"internal/pretend": {own: []string{"exposure", "history"}, others: []string{"modernc.org/sqlite", "github.com/klauspost/compress"}},
	"history/digest":   {own: []string{"exposure", "history", "history/life", "report"}, not: pure},
	"internal/schedule": {
		own:    []string{"exposure", "exposure/policy", "history", "internal/handwritten", "internal/notify", "probes", "report", "scanner", "targets"},
		others: []string{"github.com/netresearch/go-cron", "go.yaml.in/yaml/v3", "golang.org/x/sys"},
	},
	"internal/notify": {
		own:    []string{"exposure", "history", "history/life", "internal/handwritten"},
		others: []string{"github.com/wneessen/go-mail", "go.yaml.in/yaml/v3"},
	},
	"internal/metrics": {own: []string{"exposure", "history", "history/life"}, others: []string{"github.com/prometheus/client_golang"}},
	"internal/web":     {own: []string{"exposure", "exposure/matrix", "history", "history/life", "report"}},

	"internal/handwritten": {others: []string{"go.yaml.in/yaml/v3"}},
	"cmd/memsweep": {
		own:    []string{"exposure", "exposure/matrix", "exposure/policy", "targets", "probes", "scanner", "scanner/raw", "report", "internal/asked", "internal/audit", "internal/memtest", "internal/privilege", "history", "history/digest", "history/life", "internal/schedule", "internal/notify", "internal/metrics", "internal/web", "internal/handwritten"},
		others: []string{"github.com/urfave/cli/v2", "golang.org/x/sys", "golang.org/x/term"},
		not:    []string{"testing"},
	},
}

// confined modules may be imported only by the files that match, so that they
// can be replaced by editing those.
var confined = map[string][]string{
	"github.com/projectdiscovery/mapcidr": {"targets/cidr.go"},
	"github.com/google/gopacket":          {"scanner/raw/*.go", "probes/*_test.go"},
}

func checkImports(s source) (wrong []string) {
	allowed, known := layers[s.folder()]
	if !known {
		return []string{s.path + ": package " + s.folder() + " has no line in layers, internal/lint/imports_test.go"}
	}
	for _, imported := range s.imports() {
		if !s.isTest() && !allowed.allows(imported) {
			wrong = append(wrong, s.path+": package "+s.folder()+" must not import "+imported)
		}
		for dependency, files := range confined {
			if within(imported, dependency) && !matches(files, s.path) {
				wrong = append(wrong, s.path+": only "+strings.Join(files, ", ")+" may import "+dependency)
			}
		}
	}
	return wrong
}

func (l layer) allows(imported string) bool {
	if own, ok := strings.CutPrefix(imported, module+"/"); ok {
		return slices.Contains(l.own, own)
	}
	if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
		return slices.ContainsFunc(l.others, func(other string) bool { return within(imported, other) })
	}
	return imported != "C" && !slices.Contains(l.not, imported)
}

// within reports whether imported is the package or in the module at path.
func within(imported, path string) bool {
	return imported == path || strings.HasPrefix(imported, path+"/")
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}
