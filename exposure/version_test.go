package exposure

import (
	"regexp"
	"strconv"
	"testing"
)

// releasePattern is what a version string may be.
var releasePattern = regexp.MustCompile(`^(\d{1,4})\.(\d{1,4})\.(\d{1,4})(-\S+)?(\D.*)?$`)

func FuzzParseRelease(f *testing.F) {
	for _, s := range []string{
		"1.6.18", "1.4.25 Ubuntu", "1.6.0-rc1 x", "1.6.0-", "1.6.0- x", "1.6.0\n", "1.6.0-a\n", "1.6.0-a\nb", "1.6.0-a\n\n", "1.6.0\n\n",
		"01.0002.3", "1.6.12345", "00001.6.1", "1.6.1\xff", "1.6.1-\xff\u2003y", "1..1", "1.6.1.7", "1.6.1-\vx y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want Release
		m := releasePattern.FindStringSubmatch(s)
		if m != nil {
			want.Major, _ = strconv.Atoi(m[1])
			want.Minor, _ = strconv.Atoi(m[2])
			want.Patch, _ = strconv.Atoi(m[3])
			want.Suffix, want.Rest = m[4], m[5]
		}
		if got, ok := ParseRelease(s); ok != (m != nil) || got != want {
			t.Fatalf("%q: %+v, %v; want %+v", s, got, ok, want)
		}
	})
}

func TestParseRelease(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Release{
		"1.6.18":          {Major: 1, Minor: 6, Patch: 18},
		"1.4.25 Ubuntu":   {Major: 1, Minor: 4, Patch: 25, Rest: " Ubuntu"},
		"1.6.0-rc1":       {Major: 1, Minor: 6, Patch: 0, Suffix: "-rc1"},
		"1.6.0 DF":        {Major: 1, Minor: 6, Patch: 0, Rest: " DF"},
		"1.4.3-beta1 x":   {Major: 1, Minor: 4, Patch: 3, Suffix: "-beta1", Rest: " x"},
		"1.4.33_5_gabcde": {Major: 1, Minor: 4, Patch: 33, Rest: "_5_gabcde"},
	} {
		if got, ok := ParseRelease(in); !ok || got != want {
			t.Errorf("%q: %+v, %v; want %+v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "UNKNOWN", "1.6", "v1.6.18", " 1.6.18", "1.6.x", "99999.1.1", "1.6.99999999999999999999"} {
		if got, ok := ParseRelease(in); ok {
			t.Errorf("%q was taken for %+v", in, got)
		}
	}
}

func TestReleaseOrder(t *testing.T) {
	t.Parallel()
	ordered := []string{"0.9.9", "1.2.6", "1.2.7", "1.5.5", "1.5.6", "1.5.20", "1.6.0", "1.6.18", "2.0.0"}
	for i, a := range ordered {
		for j, b := range ordered {
			ra, _ := ParseRelease(a)
			rb, _ := ParseRelease(b)
			if got := ra.Before(rb.Major, rb.Minor, rb.Patch); got != (i < j) {
				t.Errorf("%s before %s: %v", a, b, got)
			}
		}
	}
}
