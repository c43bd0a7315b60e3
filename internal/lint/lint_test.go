package lint

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestTree holds every Go file of the module against every rule.
func TestTree(t *testing.T) {
	t.Parallel()
	sources := tree(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range sources {
				for _, wrong := range r.check(s) {
					t.Error(wrong)
				}
			}
		})
	}
}

// TestLinked looks at what really ends up in the program: the import rules
// are about files, and a dependency may bring in more than its name says.
func TestLinked(t *testing.T) {
	t.Parallel()
	command := exec.Command("go", "list", "-deps", "./cmd/memsweep")
	command.Dir = root
	var said strings.Builder
	command.Stderr = &said
	listed, err := command.Output()
	if err != nil {
		t.Fatalf("go list -deps ./cmd/memsweep: %v\n%s", err, said.String())
	}
	packages := strings.Fields(string(listed))
	if !slices.Contains(packages, module+"/scanner") {
		t.Fatalf("the program does not contain the scanner; go list said %d packages", len(packages))
	}
	for _, wrong := range notForUsers(packages) {
		t.Errorf("%s is linked into memsweep: it is for tests and tools", wrong)
	}
}

// notForUsers picks the packages that have no business in the program.
func notForUsers(packages []string) []string {
	return slices.DeleteFunc(slices.Clone(packages), func(name string) bool {
		return !slices.ContainsFunc([]string{
			"testing",
			module + "/" + testOnly, module + "/" + browserOnly,
			module + "/internal/lint",
			module + "/internal/pretend",
			"github.com/rogpeppe/go-internal",
			"github.com/google/go-cmp",
			"github.com/chromedp",
			"github.com/yuin/goldmark",
			"github.com/santhosh-tekuri/jsonschema/v6",
			"github.com/prometheus/client_golang/prometheus/testutil",
			"github.com/compose-spec",
			"k8s.io",
			"sigs.k8s.io",
			module + "/deploy",
			"go.uber.org/goleak",
			"pgregory.net/rapid",
			"honnef.co/go/tools",
		}, func(forbidden string) bool { return within(name, forbidden) })
	})
}

func TestNotForUsers(t *testing.T) {
	t.Parallel()
	got := notForUsers([]string{"fmt", "testing", "testing/fstest", "testingly", "pgregory.net/rapid", module + "/scanner"})
	want := []string{"testing", "testing/fstest", "pgregory.net/rapid"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
