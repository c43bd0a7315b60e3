package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
)

var lab = exposure.Vantage{Name: "lab", Trust: exposure.Untrusted}

// readAll reads a foreign file to its end.
func readAll(t *testing.T, file []byte, from exposure.Vantage) ([]exposure.Finding, Header, Summary) {
	t.Helper()
	stored, err := ReadAs(bytes.NewReader(file), "file", from)
	if err != nil {
		t.Fatal(err)
	}
	var list []exposure.Finding
	for f, err := range stored.Findings() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list, stored.Header, stored.Summary()
}

func foreignFile(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "foreign", name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) // a checkout on Windows
}

// TestForeignRoundTrip: what memsweep writes for others it reads back.
func TestForeignRoundTrip(t *testing.T) {
	t.Parallel()
	x := whole()
	endpoints := func(findings []exposure.Finding, all bool) (list []string) {
		for _, f := range findings {
			for _, o := range observed(&f) {
				if all || o.State.Answered() {
					baf := 0.0
					if o.Amplification != nil {
						baf = o.Amplification.BAF
					} else if o.Reported != nil {
						baf = o.Reported.BAF
					}
					list = append(list, fmt.Sprintf("%s %s %s %s %s %s %v %v", f.ID, f.Verdict, f.Severity, endpointName(f.IP, o), o.State, o.Auth, o.TLS, baf))
				}
			}
		}
		slices.Sort(list)
		return list
	}
	for _, format := range []string{"nmap", "shadowserver"} {
		findings, _, summary := readAll(t, x.write(t, format, Options{}), exposure.Vantage{Name: "office"})
		if diff := cmp.Diff(endpoints(x.findings, format == "nmap"), endpoints(findings, format == "nmap")); diff != "" {
			t.Errorf("%s (-written +read)\n%s", format, diff)
		}
		if complete := summary.Status == exposure.Complete; complete != (format == "nmap") {
			t.Errorf("%s: %s, %q", format, summary.Status, summary.Problems)
		}
	}
	for _, y := range []fixture{interrupted(), nothing()} {
		_, _, summary := readAll(t, y.write(t, "nmap", Options{}), exposure.Vantage{Name: "office"})
		if diff := cmp.Diff(y.summary.Coverage.Outcomes, summary.Coverage.Outcomes); diff != "" || summary.Status != y.summary.Status {
			t.Errorf("%s read as %s (-written +read)\n%s", y.summary.Status, summary.Status, diff)
		}
	}
	for _, cut := range []string{"</nmaprun>", "<runstats>", "<postscript>"} {
		doc := x.write(t, "nmap", Options{})
		if _, _, summary := readAll(t, doc[:bytes.Index(doc, []byte(cut))], lab); summary.Status != exposure.Incomplete {
			t.Errorf("cut at %s: %s", cut, summary.Status)
		}
	}
	doc := whole().write(t, "nmap", Options{})
	start, end := bytes.Index(doc, []byte("<host>")), bytes.Index(doc, []byte("</host>"))+len("</host>")
	if _, _, summary := readAll(t, slices.Concat(doc[:start], doc[end:]), lab); summary.Status != exposure.Incomplete {
		t.Errorf("a host was taken out: %s", summary.Status)
	}
}

func TestForeignErrors(t *testing.T) {
	t.Parallel()
	const run = `<nmaprun start="1">`
	const host = `<host><status state="up"/><address addr="192.0.2.1"/><ports><port protocol="tcp" portid="11211"><state state="open"/></port></ports></host>`
	rows := strings.SplitAfter(string(foreignFile(t, "shadowserver-2022.csv")), "\n")
	csv := func(old, replacement string) string {
		if !strings.Contains(rows[2], old) {
			t.Fatalf("%s is not in %s", old, rows[2])
		}
		return rows[0] + rows[1] + strings.Replace(rows[2], old, replacement, 1)
	}
	for _, tt := range []struct {
		name, file, want string
		from             exposure.Vantage
	}{
		{"no vantage", run + "</nmaprun>", "nmap does not say from where it looked: name the place with --vantage NAME", exposure.Vantage{}},
		{"a vantage for our own", string(nothing().write(t, "json", Options{})), "the report names its own vantage", lab},
		{"another XML", "<html/>", "not nmap's: <html>", lab},
		{"no root", "<!-- -->", "it ends in the middle", lab},
		{"an entity bomb", `<!DOCTYPE nmaprun [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>` + "\n" + run + "\n<output>&b;</output></nmaprun>", "line 3: invalid character entity &b;", lab},
		{"a file's content", `<!DOCTYPE nmaprun [<!ENTITY a SYSTEM "file:///etc/passwd">]>` + run + "<output>&a;</output></nmaprun>", "invalid character entity &a;", lab},
		{"another encoding", `<?xml version="1.0" encoding="UTF-16"?>` + run, "UTF-16", lab},
		{"no UTF-8", run + "<target specification=\"\xff\"/>", "invalid UTF-8", lab},
		{"wrong end", run + "\n<host></port>", "line 2: element <host> closed by </port>", lab},
		{"no address", run + "<host><status state=\"up\"/></host>", "a host without an address", lab},
		{"bad address", run + strings.Replace(host, "192.0.2.1", "192.0.2.x", 1), `address "192.0.2.x" is no address`, lab},
		{"bad port", run + strings.Replace(host, "11211", "70000", 1), `port "70000" is no port`, lab},
		{"a host twice", run + host + host, "stands twice", lab},
		{"two documents", run + "</nmaprun>" + run, "there is more after the document", lab},
		{"our script is broken", run + strings.Replace(host, "</port>", `<script id="memsweep"><elem key="observation">{</elem></script></port>`, 1), "port 11211/tcp: script memsweep", lab},
		{"our script lies", run + strings.Replace(host, "</port>", `<script id="memsweep"><elem key="observation">{"port":1}</elem></script></port>`, 1), "about another port", lab},

		{"too few cells", csv("9618498,", ""), "file: line 3: 21 cells in a row under 22 columns", exposure.Vantage{}},
		{"too many cells", csv("9618498,", "1,2,"), "line 3: 23 cells in a row", exposure.Vantage{}},
		{"bare quote", csv("node02.example.com", `no"de`), `line 3: bare " in non-quoted-field`, exposure.Vantage{}},
		{"unfinished quote", csv("node02.example.com", `"node02`), "line 3: extraneous or missing", exposure.Vantage{}},
		{"bad ip", csv("192.168.0.2", "192.168.0.256"), `line 3: ip "192.168.0.256" is no address`, exposure.Vantage{}},
		{"bad time", csv("2010-02-10 00:00:01", "yesterday"), `line 3: timestamp "yesterday"`, exposure.Vantage{}},
		{"bad port in a row", csv("11211", "0"), `line 3: port "0" is no port`, exposure.Vantage{}},
		{"bad protocol", csv("udp", "sctp"), `line 3: protocol "sctp": want udp or tcp`, exposure.Vantage{}},
		{"bad number", csv("9618498", "-1"), `line 3: uptime "-1" is no number`, exposure.Vantage{}},
		{"bad factor", csv("75.21", "NaN"), "line 3: response_size 1053, amplification", exposure.Vantage{}},
		{"bad server time", csv("2022-08-21 10:39:21", "x"), `line 3: time "x"`, exposure.Vantage{}},
		{"another report", csv("memcached", "redis"), `line 3: tag "redis": want memcached`, exposure.Vantage{}},
	} {
		out, err := func() ([]byte, error) {
			var b bytes.Buffer
			err := Convert(strings.NewReader(tt.file), "file", tt.from, newJSON(&b, Options{}))
			return b.Bytes(), err
		}()
		var stored *StoredError
		if !errors.As(err, &stored) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if len(out) > 0 {
			t.Errorf("%s: something was written", tt.name)
		}
	}
}

// TestForeignIsBounded: an element, a row or a nest without end costs no more
// than its limit.
func TestForeignIsBounded(t *testing.T) {
	t.Parallel()
	rows := strings.SplitAfter(string(foreignFile(t, "shadowserver-2022.csv")), "\n")
	for _, start := range []string{
		"<!DOCTYPE nmaprun [\n",
		"<nmaprun\n args=\"",
		"<nmaprun>\n<host><address addr=\"",
		"<nmaprun>\n<!--",
		"<nmaprun>\n<unknown>" + strings.Repeat("<a>", 100_000),
		rows[0] + `"`,
		rows[0] + rows[1],
	} {
		stored, err := read(io.MultiReader(strings.NewReader(start), endless{'x'}), "stored", 1<<20, lab)
		if err == nil {
			for _, err = range stored.Findings() {
			}
		}
		if !errors.Is(err, errTooLong) {
			t.Errorf("%.30s…: %v", start, err)
		}
	}
}

// TestForeignAsJSONIsValid: what is read of others keeps to the contract.
func TestForeignAsJSONIsValid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "testdata", "foreign", "*.[xc]*"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	schema := compiled(t, "")
	for _, file := range files {
		var b bytes.Buffer
		if err := Convert(bytes.NewReader(foreignFile(t, filepath.Base(file))), file, lab, newJSON(&b, Options{})); err != nil {
			t.Error(err)
		}
		if err := validate(schema, b.String()); err != nil {
			t.Errorf("%s: %v\n%s", file, err, b.String())
		}
	}
}

// checkForeign: whatever a file says, what is read of it is a report, and none
// without findings passes for an all-clear unless its coverage says so.
func checkForeign(t *testing.T, file []byte) {
	var b bytes.Buffer
	if Convert(bytes.NewReader(file), "fuzz", lab, newJSON(&b, Options{})) != nil {
		return
	}
	again, err := convert(b.Bytes(), "json")
	if err != nil || !bytes.Equal(again, b.Bytes()) {
		t.Fatalf("not the same when read back (%v)\n%s\n%s", err, b.Bytes(), again)
	}
	if bytes.Contains(b.Bytes(), []byte(`"status": "complete"`)) && bytes.Contains(b.Bytes(), []byte(`"planned": 0,`)) {
		t.Fatalf("complete, and nothing was asked\n%s", b.Bytes())
	}
}
