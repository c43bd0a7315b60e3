package exposure

import (
	"fmt"
	"path"
	"strings"
)

// ReadyFile makes one file of what Remedy returns: a shell script, or what the
// system itself loads, with how to load it in comments. The notes stand on top,
// as comments too; none of them may hold the end of a line.
func ReadyFile(fixes []Fix, notes ...string) string {
	var b strings.Builder
	for _, s := range systems {
		switch {
		case len(fixes) == 0 || s.name != fixes[0].For:
		case s.form == script:
			writeScript(&b, fixes, notes)
		case s.form == document:
			writeDocument(&b, fixes, notes)
		}
	}
	return b.String()
}

func writeScript(b *strings.Builder, fixes []Fix, notes []string) {
	fmt.Fprintln(b, "#!/bin/sh")
	comment(b, "", notes)
	fmt.Fprintln(b, "set -eu")
	for _, f := range fixes {
		fmt.Fprintf(b, "\n# %s\n", f.Title)
		if f.File == "" {
			fmt.Fprintln(b, strings.Join(f.Lines, "\n"))
			continue
		}
		fmt.Fprintf(b, "mkdir -p %s\ncat >%s <<'END'\n%s\nEND\n", path.Dir(f.File), f.File, strings.Join(f.Lines, "\n"))
	}
}

func writeDocument(b *strings.Builder, fixes []Fix, notes []string) {
	comment(b, "", notes)
	var lines []string
	for _, f := range fixes {
		if f.File != "" {
			lines = f.Lines
			comment(b, "", []string{f.Title + ": this is " + f.File})
			continue
		}
		comment(b, "", []string{f.Title + ":"})
		comment(b, "    ", f.Lines)
	}
	fmt.Fprintln(b, strings.Join(lines, "\n"))
}

func comment(b *strings.Builder, indent string, lines []string) {
	for _, line := range lines {
		fmt.Fprintf(b, "# %s%s\n", indent, line)
	}
}
