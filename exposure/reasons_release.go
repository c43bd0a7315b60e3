package exposure

import (
	"fmt"
	"strings"
)

// affectedBy names the published vulnerabilities that a server is known to
// have. Those that are only possible stand in Finding.Vulnerabilities alone.
func affectedBy(f *Finding, o *Observation) string {
	r, ok := o.knownRelease()
	if !ok {
		return ""
	}
	var ids []string
	for w, certainty := range (suspect{r, f.serverOf(o)}).weaknesses {
		if certainty == Affected {
			ids = append(ids, w.id)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return fmt.Sprintf("By its number and by how it answers, it is affected by %s.", strings.Join(ids, ", "))
}

// outdated says that upstream mends a release no more, or has mended it since.
func outdated(_ *Finding, o *Observation) string {
	r, ok := o.knownRelease()
	switch {
	case !ok || !r.plain():
		return ""
	case r.endOfLife():
		return fmt.Sprintf("Upstream mends %s no more: since %s it makes its releases from that line alone.", r, firstMaintained)
	case r.Compare(release(lastSecurityRelease)) < 0:
		return fmt.Sprintf("Since %s, upstream has mended security bugs without a CVE, up to %s.", r, lastSecurityRelease)
	}
	return ""
}
