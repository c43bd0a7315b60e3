package report

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// FuzzRecurring: what the short way takes is valid, and is what reading it whole gives.
func FuzzRecurring(f *testing.F) {
	for _, line := range []string{
		`{"type":"finding","id":"a","ip":"192.0.2.1","verdict":"full","severity":"high","reasons":["x"],"fix":[{"for":"owner","title":"t","lines":["l"]}],"policy":null,"tcp":{"port":1},"udp":null}`,
		`{"id":"a","fix":[],"release":{"version":"1"},"vulnerabilities":[{"id":"C"}],"tcp":null}`,
		`{"a":{"b":1,"fix":[1],"tcp":2}}`, `{"id":"a,\"fix\":[","fix":[],"tcp":null,"fix":[{"for":"x"}]}`, `{"id":"x","fix":[]},"tcp":null}`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var r recurring
		first, ok := r.finding([]byte(line))
		second, again := r.finding([]byte(line))
		if ok != again || !reflect.DeepEqual(first, second) {
			t.Fatalf("known advice is read otherwise: %v, %v", first, second)
		}
		if !ok {
			return
		}
		var whole tagged
		if err := json.Unmarshal([]byte(line), &whole); err != nil {
			t.Fatalf("taken, and it is wrong: %v", err)
		}
		if !reflect.DeepEqual(first, whole) {
			t.Fatalf("%+v\nwhole: %+v", first, whole)
		}
	})
}

// Whole is what is written in one piece, whether its advice is known or not.
func TestParter(t *testing.T) {
	fix := []exposure.Fix{{For: "owner", Title: "\"fix\":[]", Lines: []string{"a"}}, {For: "debian"}}
	finding := exposure.Finding{ID: `"fix":[]`, Reasons: []string{`"fix":[]`}, Fix: fix, Release: &exposure.Lifecycle{Version: "1.6.2"}}
	want, err := encode(new(room).written(finding))
	if err != nil {
		t.Fatal(err)
	}
	var p Parter
	for range 2 {
		got, err := p.Part(finding)
		if err != nil || string(got.Whole()) != string(want) {
			t.Fatalf("%s, %v\nwant %s", got.Whole(), err, want)
		}
	}
	fix[0].Lines[0] = "b"
	want, _ = encode(new(room).written(finding))
	if got, err := p.Part(finding); err != nil || string(got.Whole()) != string(want) {
		t.Fatalf("changed: %s, %v", got.Whole(), err)
	}
}
