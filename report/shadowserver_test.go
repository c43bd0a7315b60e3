package report

import (
	"bytes"
	"encoding/csv"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// shownInShadowserver judges the rows anew: the format has no room for an ID or
// a verdict, and both follow from what it has.
func shownInShadowserver(t *testing.T, doc []byte) []shown {
	if len(doc) == 0 {
		return nil
	}
	rows := shadowserverRows(t, doc)
	severities := map[string]string{}
	var list []shown
	for _, row := range rows {
		if strings.HasPrefix(row["tag"], tagUnfounded) {
			list = append(list, shown{"ms-00112233445566aa", row["ip"], tagUnfounded, row["severity"]})
			continue
		}
		severities[row["ip"]] = row["severity"]
	}
	stored, err := ReadAs(bytes.NewReader(doc), "rows", exposure.Vantage{Name: "office"})
	if err != nil {
		t.Fatal(err)
	}
	for f, err := range stored.Findings() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, shown{f.ID, f.IP.String(), string(f.Verdict), severities[f.IP.String()]})
	}
	return list
}

func shadowserverRows(t *testing.T, doc []byte) (list []map[string]string) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(doc)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rows[0], shadowserverColumns()) {
		t.Fatalf("columns %q", rows[0])
	}
	for _, cells := range rows[1:] {
		row := map[string]string{}
		for i, cell := range cells {
			row[rows[0][i]] = cell
		}
		list = append(list, row)
	}
	return list
}

// TestShadowserverIsReadByIntelMQ converts the cells as IntelMQ's parser does;
// there a cell that does not convert is an error.
func TestShadowserverIsReadByIntelMQ(t *testing.T) {
	t.Parallel()
	integer := regexp.MustCompile(`^[0-9]*$`)
	event := func(row map[string]string) map[string]string {
		for _, column := range []string{"asn", "naics", "pid", "pointer_size", "uptime", "curr_connections", "total_connections", "response_size", "port"} {
			if !integer.MatchString(row[column]) {
				t.Errorf("%s %q is no integer", column, row[column])
			}
		}
		if a := row["amplification"]; a != "" && !regexp.MustCompile(`^[0-9]+\.[0-9]{2}$`).MatchString(a) {
			t.Errorf("amplification %q", a)
		}
		return map[string]string{
			"time.source": row["timestamp"] + " UTC", "source.ip": row["ip"], "source.port": row["port"],
			"source.reverse_dns": row["hostname"], "protocol.transport": row["protocol"], "extra.tag": row["tag"],
			"extra.version": row["version"], "extra.response_size": row["response_size"], "extra.amplification": row["amplification"],
		}
	}
	for _, x := range everything()[1:] {
		if doc := x.write(t, "shadowserver", Options{}); len(doc) > 0 {
			for _, row := range shadowserverRows(t, doc) {
				event(row)
			}
		}
	}
	got := event(shadowserverRows(t, whole().write(t, "shadowserver", Options{}))[0])
	for key, want := range map[string]string{
		"time.source": "2026-03-14 09:26:53 UTC", "source.ip": "192.0.2.7", "source.port": "11211", "source.reverse_dns": "cache.example.net",
		"protocol.transport": "udp", "extra.tag": "memcached", "extra.version": "1.6.18", "extra.response_size": "2237", "extra.amplification": "149.13",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
}
