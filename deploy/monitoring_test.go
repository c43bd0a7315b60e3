package deploy

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/memsweep/memsweep/internal/metrics"
)

const promtool, promtoolPromise = "promtool", "MEMSWEEP_REQUIRE_PROMTOOL"

func TestAlertsAreRules(t *testing.T) {
	t.Parallel()
	need(t, promtool, "prometheus", promtoolPromise)
	run(t, promtool, "check", "rules", "--lint=all", "--lint-fatal", "prometheus/alerts.yaml")
}

// TestAlertsFire runs promtool's unit tests, each alert firing and silent.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	need(t, promtool, "prometheus", promtoolPromise)
	run(t, promtool, "test", "rules", "prometheus/alerts_test.yaml")
	tests := read(t, "prometheus/alerts_test.yaml")
	for _, r := range alerts(t) {
		if n := strings.Count(tests, "alertname: "+r.Alert+"\n"); n == 0 {
			t.Errorf("nothing tests that %s fires", r.Alert)
		}
		if n := strings.Count(tests, "alertname: "+r.Alert+"}"); n == 0 {
			t.Errorf("nothing tests that %s is silent", r.Alert)
		}
	}
}

type alert struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) (list []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		list = append(list, g.Rules...)
	}
	if len(list) == 0 {
		t.Fatal("there are no alerts")
	}
	return list
}

// TestAlertsSpeakOfOurMetrics: an alert on a metric that nobody exports never fires.
func TestAlertsSpeakOfOurMetrics(t *testing.T) {
	t.Parallel()
	for _, r := range alerts(t) {
		speaksOfOurs(t, r.Alert, r.Expr)
		if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s: severity, summary or description is missing", r.Alert)
		}
	}
}

var (
	described = regexp.MustCompile(`fqName: "(\w+)".*variableLabels: \{([^}]*)\}`)
	metric    = regexp.MustCompile(`\b((?:memsweep|process|go)_\w+|up)\b(?:\{([^}]*)\})?`)
	matched   = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
)

// exported gives the labels of each metric that memsweep exports.
func exported() map[string][]string {
	list := map[string][]string{"up": nil, "process_resident_memory_bytes": nil}
	all := make(chan *prometheus.Desc, 1000)
	metrics.New(nil, metrics.Options{}).Describe(all)
	close(all)
	for d := range all {
		found := described.FindStringSubmatch(d.String())
		list[found[1]] = strings.Split(found[2], ",")
	}
	return list
}

// speaksOfOurs holds the metrics and labels of an expression against what is
// exported. It yields how many metrics it found.
func speaksOfOurs(t *testing.T, where, expr string) (metrics int) {
	t.Helper()
	list := exported()
	for _, found := range metric.FindAllStringSubmatch(expr, -1) {
		metrics++
		labels, ok := list[found[1]]
		if !ok {
			t.Errorf("%s: nobody exports %s", where, found[1])
		}
		for _, l := range matched.FindAllStringSubmatch(found[2], -1) {
			if !slices.Contains(labels, l[1]) && l[1] != "instance" && l[1] != "job" {
				t.Errorf("%s: %s has no label %s, but %q", where, found[1], l[1], labels)
			}
		}
	}
	if metrics == 0 {
		t.Errorf("%s: no metric in %s", where, expr)
	}
	return metrics
}

func TestSpeaksOfOursCanFail(t *testing.T) {
	t.Parallel()
	list := exported()
	if len(list) < 25 || !slices.Equal(list["memsweep_open_exposures"], []string{"vantage", "severity", "verdict"}) {
		t.Fatalf("the exported metrics are %v", list)
	}
	found := metric.FindAllStringSubmatch(`sum(memsweep_gone{a="b", c=~"d"}) > on (x) up`, -1)
	if len(found) != 2 || found[0][1] != "memsweep_gone" || len(matched.FindAllString(found[0][2], -1)) != 2 || found[1][1] != "up" {
		t.Fatalf("found %q", found)
	}
}

// A panel is as much of Grafana's as the test looks at.
type panel struct {
	ID          int
	Type, Title string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Datasource  struct{ UID string }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct{ Expr, RefID string }
}

func dashboard(t *testing.T) (panels []panel, variables map[string]string) {
	t.Helper()
	var file struct {
		UID, Title    string
		SchemaVersion int
		Panels        []panel
		Templating    struct {
			List []struct{ Name, Type, Definition string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/memsweep.json")), &file); err != nil {
		t.Fatal(err)
	}
	if file.UID == "" || file.Title == "" || file.SchemaVersion < 39 {
		t.Errorf("uid %q, title %q, schemaVersion %d", file.UID, file.Title, file.SchemaVersion)
	}
	variables = map[string]string{}
	for _, v := range file.Templating.List {
		variables[v.Name] = v.Type + " " + v.Definition
	}
	return file.Panels, variables
}

func TestDashboardIsWhole(t *testing.T) {
	t.Parallel()
	panels, variables := dashboard(t)
	if !strings.HasPrefix(variables["datasource"], "datasource") || speaksOfOurs(t, "vantage", variables["vantage"]) != 1 {
		t.Errorf("variables: %v", variables)
	}
	ids, taken := map[int]string{}, map[[2]int]string{}
	for _, p := range panels {
		if other, twice := ids[p.ID]; twice || p.ID == 0 {
			t.Errorf("panels %q and %q have the ID %d", p.Title, other, p.ID)
		}
		ids[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok || x >= 24 {
					t.Fatalf("panel %q lies over %q at %d, %d", p.Title, other, x, y)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %q: description, unit, query or data source is missing", p.Title)
		}
	}
}

// TestDashboardExpressions has promtool read each expression, as a recording rule.
func TestDashboardExpressions(t *testing.T) {
	t.Parallel()
	need(t, promtool, "prometheus", promtoolPromise)
	type rule struct{ Record, Expr string }
	var rules []rule
	panels, variables := dashboard(t)
	for _, p := range panels {
		for _, target := range p.Targets {
			speaksOfOurs(t, p.Title, target.Expr)
			expr := target.Expr
			for name := range variables {
				expr = strings.ReplaceAll(expr, "$"+name, "a|b")
			}
			if strings.Contains(expr, "$") {
				t.Errorf("panel %q: a variable that is not there: %s", p.Title, target.Expr)
			}
			rules = append(rules, rule{fmt.Sprintf("panel%d:%s:x", p.ID, target.RefID), expr})
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, promtool, "check", "rules", write(t, filepath.Join(t.TempDir(), "rules.yaml"), string(text)))
}
