package report

import (
	"fmt"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// textNote is a paragraph about the release that a server names. Both parts
// are escaped.
type textNote struct{ label, text string }

// releaseNotes says what is known of a server's release, and what that is
// worth: in one paragraph, or with a line for each vulnerability.
func releaseNotes(f *exposure.Finding, verbose bool) []textNote {
	l := f.Release
	if l == nil {
		return nil
	}
	if !verbose {
		if len(f.Vulnerabilities) == 0 {
			return nil
		}
		return []textNote{note("CVEs of "+l.Version, weaknessCount(f.Vulnerabilities)+" "+l.Caveat)}
	}
	upstream := "the series is mended upstream"
	if l.EndOfLife {
		upstream = "end of life"
	}
	notes := []textNote{note("Release", fmt.Sprintf("%s, UDP %s by default, %s. %s", l.Version, l.UDPDefault, upstream, l.Caveat))}
	for _, v := range f.Vulnerabilities {
		fixed := "no release is without it"
		if v.Fixed != "" {
			fixed = "fixed in " + v.Fixed
		}
		notes = append(notes, note(v.ID, fmt.Sprintf("%s, CVSS %s: %s. Affects %s; %s. %s",
			v.Certainty, score(v), v.Title, v.Affects, fixed, v.Reference)))
	}
	return notes
}

func note(label, text string) textNote {
	return textNote{"  " + exposure.Escape(label) + ": ", exposure.Escape(text)}
}

// score is a base score with the version of CVSS that it is of: they do not
// measure alike.
func score(v exposure.Vulnerability) string { return fmt.Sprintf("%.1f (v%s)", v.CVSS, v.CVSSVer) }

// weaknessCount says how many are how sure, and which is the worst of them.
func weaknessCount(list []exposure.Vulnerability) string {
	worst := list[0]
	if len(list) == 1 {
		return fmt.Sprintf("%s, CVSS %s, %s.", worst.ID, score(worst), worst.Certainty)
	}
	by := map[exposure.Certainty]int{}
	for _, v := range list {
		by[v.Certainty]++
		if v.CVSS > worst.CVSS {
			worst = v
		}
	}
	var parts []string
	for _, c := range []exposure.Certainty{exposure.Affected, exposure.Possible} {
		if by[c] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", by[c], c))
		}
	}
	return fmt.Sprintf("%s; the highest score is that of %s, CVSS %s, %s.", strings.Join(parts, ", "), worst.ID, score(worst), worst.Certainty)
}
