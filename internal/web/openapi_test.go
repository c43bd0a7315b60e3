package web

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/pretend"
	"github.com/memsweep/memsweep/report"
)

// described is openapi.yaml as data, and a compiler of its schemas.
func described(t *testing.T) (document map[string]any, compile func(pointer string) *jsonschema.Schema) {
	t.Helper()
	var raw any
	if err := yaml.Unmarshal(openAPI, &raw); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	reports, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("openapi.json", parsed); err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("https://github.com/memsweep/memsweep/report/schema.json", reports); err != nil {
		t.Fatal(err)
	}
	return parsed.(map[string]any), func(pointer string) *jsonschema.Schema {
		t.Helper()
		s, err := c.Compile("openapi.json#" + pointer)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// answerSchema is where the schema of a path's answer is.
func answerSchema(path string) string {
	return "/paths/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(path) + "/get/responses/200/content/application~1json/schema"
}

func TestTheDocumentAndTheRoutesAgree(t *testing.T) {
	t.Parallel()
	document, compile := described(t)
	site := New(nil, Options{})
	paths := document["paths"].(map[string]any)
	for path, item := range paths {
		if methods := slices.Collect(maps.Keys(item.(map[string]any))); !slices.Equal(methods, []string{"get"}) {
			t.Errorf("%s is described with %v: only get reads", path, methods)
		}
		r, _ := http.NewRequest(http.MethodGet, "http://localhost/api/v1"+strings.NewReplacer("{ip}", "192.0.2.7", "{scan}", "x").Replace(path), nil)
		if _, pattern := site.routes.Handler(r); pattern != apiPrefix+path[1:] {
			t.Errorf("%s is described, and the route there is %q", path, pattern)
		}
	}
	for path, v := range site.views() {
		item, ok := paths["/"+path].(map[string]any)
		if !ok {
			t.Errorf("%s is a route, and not described", path)
			continue
		}
		compile(answerSchema("/" + path)) // there is one, and it is right
		var names []string
		for _, p := range item["get"].(map[string]any)["parameters"].([]any) {
			p := p.(map[string]any)
			if ref, ok := p["$ref"].(string); ok {
				p = document["components"].(map[string]any)["parameters"].(map[string]any)[ref[strings.LastIndex(ref, "/")+1:]].(map[string]any)
			}
			if p["in"] == "query" {
				names = append(names, p["name"].(string))
			}
		}
		want := slices.Sorted(slices.Values(v.parameters))
		if slices.Sort(names); !slices.Equal(names, want) {
			t.Errorf("%s takes %v, and is described with %v", path, want, names)
		}
	}
	for _, path := range []string{"/events", "/openapi.yaml"} {
		if paths[path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
	if got, want := len(paths), len(site.views())+2; got != want {
		t.Errorf("%d paths are described, and there are %d routes", got, want)
	}
	if limit := document["components"].(map[string]any)["parameters"].(map[string]any)["limit"].(map[string]any)["schema"].(map[string]any)["maximum"]; limit != json.Number("1000") || history.MaxLimit != 1000 {
		t.Errorf("limit is described with %v", limit)
	}
}

func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	_, compile := described(t)
	problem := compile("/components/schemas/Problem")
	for name, size := range map[string]pretend.Size{"none": {}, "some": {Exposures: 400, Sweeps: 14}, "hostile": {Exposures: 400, Sweeps: 14, Hostile: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := "http://" + served(t, pretended(t, size), Options{}) + "/api/v1"
			for path, query := range map[string]string{
				"/overview": "", "/owners": "", "/exposures": "state=any&limit=300", "/hosts/" + pretend.HostIPv4: "", "/hosts/" + pretend.HostIPv6: "", "/changes": "limit=1000", "/matrix": "state=any&limit=200",
				"/sweeps": "", "/sweeps/scan-000001": "", "/trend": "points=7", "/runs": "",
			} {
				a, body := get(t, at+path+"?"+query)
				described := path
				switch {
				case strings.HasPrefix(path, "/hosts/"):
					described = "/hosts/{ip}"
				case strings.HasPrefix(path, "/sweeps/"):
					described = "/sweeps/{scan}"
				}
				schema := compile(answerSchema(described))
				if a.StatusCode == http.StatusNotFound && size.Exposures == 0 {
					schema = problem
				} else if a.StatusCode != http.StatusOK {
					t.Errorf("%s: %s %s", path, a.Status, body)
					continue
				}
				v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
				if err != nil {
					t.Errorf("%s: %v", path, err)
				} else if err := schema.Validate(v); err != nil {
					t.Errorf("%s: %v\n%.2000s", path, err, body)
				}
			}
		})
	}
}

// TestMutantsAreNotAsDescribed shows that the schemas can fail.
func TestMutantsAreNotAsDescribed(t *testing.T) {
	t.Parallel()
	_, compile := described(t)
	at := "http://" + served(t, pretended(t, pretend.Size{Exposures: 50, Sweeps: 9}), Options{}) + "/api/v1"
	_, body := get(t, at+"/exposures?limit=1")
	for _, mutant := range [][2]string{{`"since":"`, `"since":"x`}, {`"severity":"`, `"severity":"x`}, {`"next":"`, `"after":"`}, {`"misses":0`, `"misses":-1`}, {`"exposures":[`, `"findings":[`}, {`"trust":"`, `"trust":"x`}} {
		if !strings.Contains(body, mutant[0]) {
			t.Errorf("%s is not in %s", mutant[0], body)
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(body, mutant[0], mutant[1], 1)))
		if err != nil {
			t.Fatal(err)
		}
		if compile(answerSchema("/exposures")).Validate(v) == nil {
			t.Errorf("valid with %s", mutant[1])
		}
	}
}
