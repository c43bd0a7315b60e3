package audit

import (
	"strings"
	"testing"
)

const nftRules = `{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
 {"table": {"family": "inet", "name": "filter", "handle": 1}},
 {"chain": {"family": "inet", "table": "filter", "name": "in", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}},
 {"chain": {"family": "inet", "table": "filter", "name": "out", "type": "filter", "hook": "output", "policy": "accept"}},
 {"rule": {"handle": 2, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 11211}}, {"drop": null}]}},
 {"rule": {"handle": 3, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": {"set": [53, {"range": [11000, 12000]}]}}}]}},
 {"rule": {"handle": 4, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": "@ports"}}]}},
 {"rule": {"handle": 5, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "sport"}}, "right": 11211}}]}},
 {"rule": {"handle": 6, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"range": [1, 1024]}}}]}}]}`

func TestNft(t *testing.T) {
	t.Parallel()
	r, err := parseNft([]byte(nftRules))
	if err != nil {
		t.Fatal(err)
	}
	notes, evidence := firewall{tables: []ruleset{r}}.about(11211)
	if len(notes) != 1 || !strings.Contains(notes[0], "(inet filter in, policy drop), and 3 rules that name port 11211; whether these keep others out is for a sweep") {
		t.Errorf("%q", notes)
	}
	if len(evidence) != 1 || strings.Count(string(evidence[0].Reply), "\n") != 2 || !strings.Contains(string(evidence[0].Reply), "@ports") {
		t.Errorf("%+v", evidence)
	}
	if r, err = parseNft([]byte(`{"nftables": []}`)); err != nil || !strings.Contains(r.say(1, 0), "shows no chain that filters") {
		t.Errorf("%v, %q", err, r.say(1, 0))
	}
	if _, err := parseNft([]byte("{")); err == nil {
		t.Error("half a document is no error")
	}
}

func TestLineNames(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"-A INPUT -p tcp -m tcp --dport 11211 -j DROP": true, "-A INPUT --dports 80,11211": true, "-A INPUT --dport 11000:11300": true,
		"tcp dport { 22, 11211 } drop": true, "udp dport 11000-11300 drop": true,
		"-A INPUT --dport 112110 -j DROP": false, "-A INPUT -s 10.0.0.0/8": false, "-A INPUT --dport 1:1024": false,
	} {
		if lineNames(line, 11211) != want {
			t.Errorf("%s: %v", line, !want)
		}
	}
}

// TestBounded: a program that does not stop talking is cut off.
func TestBounded(t *testing.T) {
	t.Parallel()
	var b bounded
	chunk := make([]byte, maxRules/2)
	for i := range 3 {
		if _, err := b.Write(chunk); (err != nil) != (i == 2) {
			t.Errorf("write %d: %v", i, err)
		}
	}
}

func FuzzRules(f *testing.F) {
	f.Add(nftRules, uint16(11211))
	f.Add("*filter\n:INPUT DROP [0:0]\n-A INPUT --dport 1:5 -j DROP", uint16(3))
	f.Fuzz(func(t *testing.T, text string, port uint16) {
		if r, err := parseNft([]byte(text)); err == nil {
			firewall{tables: []ruleset{r}}.about(port)
		}
		firewall{tables: []ruleset{parseSaved("x", text)}}.about(port)
	})
}
