package exposure

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	tableBegins = "<!-- the severity table, as exposure/severity.go has it -->\n"
	tableEnds   = "<!-- the end of the severity table -->\n"
)

// TestSeverityTableInREADME prints the table from the code, and finds it in the
// README.
func TestSeverityTableInREADME(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begins := strings.Cut(strings.ReplaceAll(string(readme), "\r\n", "\n"), tableBegins)
	got, _, ends := strings.Cut(rest, tableEnds)
	if want := severityTable(); !begins || !ends || got != want {
		t.Errorf("README.md must have, and has not:\n%s%s%s", tableBegins, want, tableEnds)
	}
}

func severityTable() string {
	var b strings.Builder
	b.WriteString("| verdict | it means | trusted | semi-trusted | untrusted | allowed by the policy |\n|---|---|---|---|---|---|\n")
	for _, row := range severities {
		of := func(t Trust, allowed bool) Severity {
			return SeverityOf(row.verdict, row.inTLS, row.serves, t, allowed)
		}
		allowed := of(Untrusted, true)
		if row.allowed == "" {
			allowed = "never"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", row.verdict, row.means,
			of(Trusted, false), of(SemiTrusted, false), of(Untrusted, false), allowed)
	}
	return b.String()
}
