package exposure

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

// Release is the number in a version string: 1.6.18, or 1.6.0 of "1.6.0-rc1".
type Release struct {
	Major, Minor, Patch int
	// Suffix is the pre-release or vendor part that follows after a dash,
	// "-beta1"; Rest is everything after that, " Ubuntu". Stock memcached
	// releases have neither.
	Suffix, Rest string
}

// maxMajor is the largest number that a release is read with: those of more
// than four digits are no release of memcached.
const maxMajor = 9999

var releasePattern = regexp.MustCompile(`^(\d{1,4})\.(\d{1,4})\.(\d{1,4})(-\S+)?(\D.*)?$`)

// ParseRelease reads the version string of a server; ok is false for one that
// does not start with a release number, such as "UNKNOWN".
func ParseRelease(version string) (r Release, ok bool) {
	m := releasePattern.FindStringSubmatch(version)
	if m == nil {
		return Release{}, false
	}
	// At most four digits each: Atoi cannot fail.
	r.Major, _ = strconv.Atoi(m[1])
	r.Minor, _ = strconv.Atoi(m[2])
	r.Patch, _ = strconv.Atoi(m[3])
	r.Suffix, r.Rest = m[4], m[5]
	return r, true
}

// String writes the number alone: "1.6.18".
func (r Release) String() string { return fmt.Sprintf("%d.%d.%d", r.Major, r.Minor, r.Patch) }

// plain reports whether it is a number and nothing else, as upstream's releases are.
func (r Release) plain() bool { return r.Suffix == "" && r.Rest == "" }

// Compare orders releases by their three numbers. Suffixes do not count: a
// release candidate behaves as the release it became.
func (r Release) Compare(s Release) int {
	return cmp.Or(
		cmp.Compare(r.Major, s.Major),
		cmp.Compare(r.Minor, s.Minor),
		cmp.Compare(r.Patch, s.Patch),
	)
}

// Before reports whether r is older than major.minor.patch.
func (r Release) Before(major, minor, patch int) bool {
	return r.Compare(Release{Major: major, Minor: minor, Patch: patch}) < 0
}
