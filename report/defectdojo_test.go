package report

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func shownInDefectDojo(t *testing.T, doc []byte) []shown {
	var list []shown
	for _, f := range dojoFindings(t, doc) {
		if f.VulnID != "sweep-incomplete" {
			list = append(list, shown{f.UniqueID, f.Endpoints[0].Host, f.VulnID, strings.ToLower(f.Severity)})
		}
	}
	return list
}

func dojoFindings(t *testing.T, doc []byte) []dojoFinding {
	t.Helper()
	var d struct{ Findings []dojoFinding }
	if err := json.Unmarshal(doc, &d); err != nil {
		t.Fatal(err)
	}
	return d.Findings
}

// dojoAllowed are the keys that DefectDojo's importer knows
// (dojo/tools/generic/json_parser.py); any other is an error there.
var dojoAllowed = strings.Fields(`title severity description date cwe cve epss_score epss_percentile cvssv3 cvssv3_score cvssv4
	cvssv4_score mitigation impact steps_to_reproduce severity_justification references active verified false_p out_of_scope
	risk_accepted under_review is_mitigated thread_id mitigated numerical_severity param payload line file_path component_name
	component_version static_finding dynamic_finding scanner_confidence unique_id_from_tool vuln_id_from_tool sast_source_object
	sast_sink_object sast_source_line sast_source_file_path nb_occurences publish_date service planned_remediation_date
	planned_remediation_version effort_for_fixing tags kev_date known_exploited ransomware_used fix_available fix_version
	endpoints files vulnerability_ids`)

func TestDefectDojoKnowsEveryKey(t *testing.T) {
	t.Parallel()
	date := regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	for _, x := range everything() {
		var d struct {
			Name, Type, Version, Description string
			Findings                         []map[string]any
		}
		decoder := json.NewDecoder(bytes.NewReader(x.write(t, "defectdojo", Options{})))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&d); err != nil {
			t.Fatal(err)
		}
		for _, f := range d.Findings {
			for key := range f {
				if !slices.Contains(dojoAllowed, key) {
					t.Errorf("%s is not allowed", key)
				}
			}
			if !slices.Contains([]any{"Critical", "High", "Medium", "Low", "Info"}, f["severity"]) {
				t.Errorf("severity %v", f["severity"])
			}
			if len(f["title"].(string)) > 511 || f["description"] == "" || !date.MatchString(f["date"].(string)) {
				t.Errorf("title %v, description %v, date %v", f["title"], f["description"], f["date"])
			}
		}
	}
}

// TestDefectDojoShowsNoMarkup: what a server says is no Markdown of ours.
func TestDefectDojoShowsNoMarkup(t *testing.T) {
	t.Parallel()
	const text = "[x](javascript:1) <script> **b** `c` # d | ~~e~~ ![i](j)"
	for _, markup := range []string{"](", "<script", "**", "`", "~~", "!["} {
		if got := dojoText(text); strings.Contains(strings.NewReplacer(`\[`, "", `\]`, "", `\<`, "", `\*`, "", "\\`", "", `\~`, "", `\!`, "").Replace(got), markup) {
			t.Errorf("%s in %s", markup, got)
		}
	}
}
