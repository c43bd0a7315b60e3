package report

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
)

// seen is the short of a finding: "192.0.2.1 reflector open open", with the
// states over TCP and UDP.
func seen(f exposure.Finding) string {
	state := func(o *exposure.Observation) string {
		if o == nil {
			return "-"
		}
		s := string(o.State)
		if o.PortOnly {
			s += "?"
		}
		if o.TLS {
			s += "+tls"
		}
		return s
	}
	return fmt.Sprintf("%s %s %s %s", f.IP, f.Verdict, state(f.TCP), state(f.UDP))
}

// TestReadNmap reads what nmap wrote about real servers.
func TestReadNmap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file     string
		findings []string
		outcomes exposure.Outcomes
		status   exposure.Status
		problems []string // beginnings
	}{
		{
			"nmap-info.xml",
			[]string{"192.0.2.1 reflector open open", "192.0.2.2 unidentified mute? closed", "192.0.2.4 open open closed"},
			exposure.Outcomes{Answered: 4, Closed: 4, NotScanned: 2}, exposure.Incomplete, []string{"nmap skipped 1 target"},
		},
		{
			"nmap-ipv6.xml", []string{"2001:db8::7 reflector open open"},
			exposure.Outcomes{Answered: 2, NotScanned: 2}, exposure.Incomplete, []string{"nmap skipped 1 target"},
		},
		{
			"nmap-sv.xml", []string{"198.18.0.8 auth-required auth_required -", "198.18.0.9 open open+tls -"},
			exposure.Outcomes{Answered: 2}, exposure.Complete, []string{"nmap did not ask port 11211 over udp"},
		},
		{
			"nmap-sv-udp.xml", []string{"198.18.0.10 reflector - open"},
			exposure.Outcomes{Answered: 1}, exposure.Complete, []string{"nmap did not ask port 11211 over tcp"},
		},
		{
			"nmap-payload.xml", []string{"198.18.0.7 reflector - open"},
			exposure.Outcomes{Answered: 1}, exposure.Complete, []string{"nmap did not ask port 11211 over tcp"},
		},
		{
			"nmap-timedout.xml", []string{"192.0.2.4 open open closed"},
			exposure.Outcomes{Answered: 1, Closed: 3, NotScanned: 4}, exposure.Incomplete, []string{"nmap gave 2 hosts up"},
		},
		{
			"nmap-ports.xml", []string{"192.0.2.1 unidentified mute? -"},
			exposure.Outcomes{Answered: 1, NotScanned: 1}, exposure.Incomplete, []string{"nmap skipped 1 target", "nmap did not ask port 11211 over udp"},
		},
		{
			"nmap-cut.xml", []string{"198.18.0.7 unidentified mute? -"},
			exposure.Outcomes{Answered: 1, Closed: 7}, exposure.Incomplete, []string{"nmap's file ends in the middle", "nmap did not ask port 11211 over udp"},
		},
		{
			"nmap-range.xml", []string{"198.18.0.20 open open -"},
			exposure.Outcomes{Answered: 1, Closed: 1}, exposure.Complete, []string{"nmap did not ask port 11211 over udp"},
		},
		{"nmap-filtered.xml", nil, exposure.Outcomes{Closed: 4, Silent: 2}, exposure.Complete, nil},
		{
			"nmap-open-only.xml", nil, exposure.Outcomes{NotScanned: 3}, exposure.Incomplete,
			[]string{"nmap counts 3 hosts more than it lists", "nmap did not ask port 11211 over udp"},
		},
		{"nmap-ping.xml", nil, exposure.Outcomes{}, exposure.Incomplete, []string{"nmap did not ask port 11211"}},
	} {
		findings, header, summary := readAll(t, foreignFile(t, tt.file), lab)
		var got []string
		for _, f := range findings {
			got = append(got, seen(f))
		}
		slices.Sort(got)
		slices.Sort(tt.findings)
		if !slices.Equal(got, tt.findings) {
			t.Errorf("%s: found %q, want %q", tt.file, got, tt.findings)
		}
		if diff := cmp.Diff(tt.outcomes, summary.Coverage.Outcomes); diff != "" || summary.Coverage.Planned != tt.outcomes.Sum() || summary.Status != tt.status {
			t.Errorf("%s: %s, %d planned\n%s", tt.file, summary.Status, summary.Coverage.Planned, diff)
		}
		if !slices.EqualFunc(summary.Problems, tt.problems, strings.HasPrefix) {
			t.Errorf("%s: problems %q, want %q", tt.file, summary.Problems, tt.problems)
		}
		if header.Tool.Name != "nmap" || header.Tool.Version != "7.93" || header.Sweep.Vantage.Name != "lab" || header.Sweep.Started.Year() != 2026 {
			t.Errorf("%s: header %+v", tt.file, header)
		}
	}
}

// TestNmapScriptIsRead: what memcached-info and -sV found is there, and what
// they did not say is not.
func TestNmapScriptIsRead(t *testing.T) {
	t.Parallel()
	findings, _, _ := readAll(t, foreignFile(t, "nmap-info.xml"), lab)
	udp := findings[0].UDP
	want := &exposure.Stats{
		PID: ptr(uint64(21685)), Uptime: ptr(uint64(29)), Time: ptr(time.Date(2026, 11, 21, 4, 1, 45, 0, time.UTC).Unix()),
		PointerSize: ptr(uint64(64)), CurrConnections: ptr(uint64(4)), TotalConnections: ptr(uint64(6)),
	}
	if diff := cmp.Diff(want, udp.Stats); diff != "" {
		t.Errorf("stats (-want +got)\n%s", diff)
	}
	if s := udp.Settings; *s.UDPPort != 11211 || *s.MaxConns != 1024 || *s.AuthEnabledSASL != "no" || s.Inter != nil {
		t.Errorf("settings %+v", s)
	}
	if udp.Version != nil || udp.Amplification != nil || udp.Unconfirmed || len(udp.Evidence) > 0 {
		t.Errorf("more than nmap said: %+v", udp)
	}
	if f, _, _ := readAll(t, foreignFile(t, "nmap-payload.xml"), lab); !f[0].UDP.Unconfirmed {
		t.Error("a reply that nobody kept is confirmed")
	}
	for file, version := range map[string]string{"nmap-sv-udp.xml": "1.6.18", "nmap-timedout.xml": "1.6.18"} {
		f, _, _ := readAll(t, foreignFile(t, file), lab)
		if o := exposed(&f[0])[0]; o.Version == nil || *o.Version != version {
			t.Errorf("%s: version %v", file, o.Version)
		}
	}
	f, _, _ := readAll(t, foreignFile(t, "nmap-range.xml"), lab)
	if f[0].TCP.Port != 11212 || f[0].ID != exposure.FindingID("lab", f[0].IP, 11212) || f[0].Also[0].State != exposure.Closed {
		t.Errorf("memcached elsewhere: %+v", f[0])
	}
}

func FuzzReadNmap(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "foreign", "nmap-*.xml"))
	if err != nil || len(files) == 0 {
		f.Fatal("no files to start from", err)
	}
	for _, file := range files {
		f.Add(foreignFile(f, filepath.Base(file)))
	}
	f.Add(interrupted().write(f, "nmap", Options{}))
	f.Fuzz(func(t *testing.T, file []byte) {
		checkForeign(t, append([]byte("<"), bytes.TrimPrefix(file, []byte("<"))...))
	})
}

// TestNmapSummaryIsHeldAgainstItself: numbers that do not add up, or a run that
// does not say that it came to its end, prove nothing.
func TestNmapSummaryIsHeldAgainstItself(t *testing.T) {
	t.Parallel()
	const finished, hosts = `<finished time="1" exit="success"/>`, `<hosts up="1" down="0" total="1"/>`
	for name, tt := range map[string]struct {
		stats      string
		notScanned uint64
		problem    string // "": complete
	}{
		"as nmap writes it":   {finished + hosts, 0, ""},
		"more in all":         {finished + `<hosts up="1" down="0" total="256"/>`, 255, "nmap does not say what became of 255 addresses"},
		"fewer in all":        {finished + `<hosts up="1" down="0" total="0"/>`, 0, "nmap's numbers do not add up"},
		"more listed than up": {finished + `<hosts up="0" down="0" total="0"/>`, 0, "nmap's numbers do not add up"},
		"one down was added":  {finished + `<hosts up="0" down="1" total="1"/>`, 1, "1 address did not answer"},
		"no numbers":          {finished, 0, "nmap's numbers do not add up"},
		"no end":              {hosts, 0, "nmap does not say that it came to its end"},
		"an end without exit": {`<finished time="1"/>` + hosts, 0, "nmap does not say that it came to its end"},
		"another exit":        {`<finished time="1" exit="maybe"/>` + hosts, 0, "nmap does not say that it came to its end"},
	} {
		file := `<nmaprun start="1"><scaninfo type="syn" protocol="tcp" numservices="1" services="11211"/>` +
			`<host><status state="up"/><address addr="192.0.2.1"/><ports><port protocol="tcp" portid="11211"><state state="closed" reason="reset"/></port></ports></host>` +
			"<runstats>" + tt.stats + "</runstats></nmaprun>"
		_, _, summary := readAll(t, []byte(file), lab)
		if o := summary.Coverage.Outcomes; o.NotScanned != tt.notScanned || o.Closed != 1 {
			t.Errorf("%s: %+v", name, o)
		}
		if complete := summary.Status == exposure.Complete; complete != (tt.problem == "") || !strings.HasPrefix(summary.Problems[0], tt.problem) {
			t.Errorf("%s: %s, %q", name, summary.Status, summary.Problems)
		}
	}
}

// TestNmapLeavesNothingOpen: whatever nmap did not ask, or does not tell, makes
// its file incomplete.
func TestNmapLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	const (
		info = `<scaninfo type="syn" protocol="tcp" numservices="1001" services="22,11000-11999"/>`
		host = `<host><status state="up"/><address addr="192.0.2.1"/><ports>%s</ports></host>`
		end  = `<runstats><finished time="1" exit="%s" errormsg="killed"/><hosts up="%d" down="%d" total="%d"/></runstats></nmaprun>`
	)
	run := func(ports, exit string, up, down int) string {
		text := `<nmaprun start="1">` + info
		if ports != "" {
			text += fmt.Sprintf(host, ports)
		}
		return text + fmt.Sprintf(end, exit, up, down, up+down)
	}
	for name, tt := range map[string]struct {
		file     string
		outcomes exposure.Outcomes
		problem  string // "": complete
	}{
		"nobody up":        {run("", "success", 0, 3), exposure.Outcomes{NotScanned: 3}, "3 addresses did not answer nmap's host discovery"},
		"an error":         {run(`<extraports state="closed" count="1001"><extrareasons reason="resets" count="1001"/></extraports>`, "error", 1, 0), exposure.Outcomes{Closed: 1}, "nmap ended with an error: killed"},
		"counted together": {run(`<extraports state="filtered" count="1001"><extrareasons reason="no-responses" count="1001"/></extraports>`, "success", 1, 0), exposure.Outcomes{Silent: 1}, ""},
		"counted apart": {run(`<extraports state="closed" count="999"><extrareasons reason="reset" count="999" proto="tcp" ports="11000-11998"/></extraports>`+
			`<extraports state="filtered" count="2"><extrareasons reason="no-response" count="2" proto="tcp" ports="22,11999"/></extraports>`, "success", 1, 0), exposure.Outcomes{Closed: 1}, ""},
		"counted in two":   {run(`<extraports state="closed" count="9"/><extraports state="filtered" count="9"/>`, "success", 1, 0), exposure.Outcomes{NotScanned: 1}, "nmap does not say what became of 1 endpoint"},
		"another protocol": {run(`<extraports state="closed" count="9"><extrareasons reason="reset" count="9" proto="udp" ports="11211"/></extraports>`, "success", 1, 0), exposure.Outcomes{NotScanned: 1}, "nmap does not say"},
		"unfiltered":       {run(`<port protocol="tcp" portid="11211"><state state="unfiltered" reason="reset"/></port>`, "success", 1, 0), exposure.Outcomes{NotScanned: 1}, "nmap does not say"},
	} {
		findings, _, summary := readAll(t, []byte(tt.file), lab)
		if diff := cmp.Diff(tt.outcomes, summary.Coverage.Outcomes); diff != "" || len(findings) > 0 {
			t.Errorf("%s: %d findings\n%s", name, len(findings), diff)
		}
		if complete := summary.Status == exposure.Complete; complete != (tt.problem == "") || !strings.HasPrefix(summary.Problems[0], tt.problem) {
			t.Errorf("%s: %s, %q", name, summary.Status, summary.Problems)
		}
	}
}
