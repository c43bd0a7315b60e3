package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// unfounded is an endpoint for which somebody answers, and not one of these
// justifications holds.
type unfounded struct {
	endpoint
	claims []claim
}

// claim is a justification with why it does not hold.
type claim struct {
	by       *justification
	failures []string
}

// finding tells the owner of the justifications, beside the finding f that
// they were meant for.
func (u unfounded) finding(f *exposure.Finding, v exposure.Vantage) exposure.Finding {
	g := exposure.Finding{
		ID:       u.id(f, v),
		IP:       f.IP,
		Names:    f.Names,
		Verdict:  exposure.Unfounded,
		Severity: exposure.SeverityOf(exposure.Unfounded, false, false, v.Trust, false),
	}
	standing := exposure.Standing{Expected: f.Policy.Expected, Severity: g.Severity}
	for _, c := range u.claims {
		g.Reasons = append(g.Reasons, fmt.Sprintf("The justification of %s does not hold. %s", u, strings.Join(c.failures, ". ")+"."), c.by.given())
		g.Fix = append(g.Fix, c.by.fix(u.endpoint))
		if standing.By == nil && c.by.dated() {
			standing.By = c.by.word()
		}
		for _, failure := range c.failures {
			standing.Failures = append(standing.Failures, failure+".")
		}
	}
	g.Policy = &standing
	return g
}

// id stays the same for the same vantage name, address, port and transport,
// wherever the justification stands in its file.
func (u unfounded) id(f *exposure.Finding, v exposure.Vantage) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "memsweep-justification/1\n%s\n%s\n%d\n%s", v.Name, f.IP, u.port, u.transport))
	return "ms-" + hex.EncodeToString(sum[:8])
}

// given says who gave the justification, and what for.
func (j *justification) given() string {
	return fmt.Sprintf("Owner: %s. Reason: %s. From %s until %s.", known(j.Owner), known(j.Reason), known(j.Created), known(j.Expires))
}

func known(text string) string {
	if text == "" {
		return "not known"
	}
	return text
}

// fix is what to do about it: the file is only mended when the decision is
// made anew, and looked at with Review.
func (j *justification) fix(e endpoint) exposure.Fix {
	path := strings.TrimSuffix(j.Source, fmt.Sprintf(":%d", j.line))
	return exposure.Fix{
		For:   "owner",
		Title: fmt.Sprintf("Close %s, as the finding of the host says, or have it decided anew and correct %s; then look at the policy", e, j.Source),
		Lines: []string{"memsweep policy check " + shellWord(path)},
	}
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./-]*$`)

// shellWord writes text as one word of a shell.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
