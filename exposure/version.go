package exposure

import (
	"cmp"
	"strconv"
	"strings"
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

// ParseRelease reads the version string of a server; ok is false for one that
// does not start with a release number, such as "UNKNOWN".
func ParseRelease(version string) (r Release, ok bool) {
	rest := version
	for i, number := range []*int{&r.Major, &r.Minor, &r.Patch} {
		if i > 0 {
			if rest, ok = strings.CutPrefix(rest, "."); !ok {
				return Release{}, false
			}
		}
		if *number, rest, ok = leadingNumber(rest); !ok {
			return Release{}, false
		}
	}
	if end := strings.IndexAny(rest+" ", "\t\n\f\r "); end > 1 && rest[0] == '-' {
		r.Suffix, rest = rest[:end], rest[end:]
	}
	if rest != "" && strings.Contains(rest[1:], "\n") {
		return Release{}, false // no server says a version of two lines
	}
	r.Rest = rest
	return r, true
}

// leadingNumber is what a text begins with: one to four digits, and no more.
func leadingNumber(s string) (n int, rest string, ok bool) {
	i := 0
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		n = n*10 + int(s[i]-'0')
		if n > maxMajor || i == 4 {
			return 0, s, false
		}
	}
	return n, s[i:], i > 0
}

// String writes the number alone: "1.6.18".
func (r Release) String() string {
	b := strconv.AppendInt(make([]byte, 0, 16), int64(r.Major), 10)
	b = strconv.AppendInt(append(b, '.'), int64(r.Minor), 10)
	return string(strconv.AppendInt(append(b, '.'), int64(r.Patch), 10))
}

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
