package exposure

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var cvePattern = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,}$`) // as in the schema of the report

// TestWeaknessesAreWellFormed holds the table to what the code that reads it
// takes for granted.
func TestWeaknessesAreWellFormed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, w := range weaknesses() {
		if !cvePattern.MatchString(w.id) || seen[w.id] {
			t.Errorf("%s: no CVE, or twice", w.id)
		}
		seen[w.id] = true
		if w.title == "" || w.needs.test == nil || len(w.spans) == 0 {
			t.Errorf("%s: something is missing", w.id)
		}
		if w.cvss <= 0 || w.cvss > 10 || !slices.Contains([]string{"2.0", "3.0", "3.1"}, w.cvssVersion) {
			t.Errorf("%s: score %v of CVSS %s", w.id, w.cvss, w.cvssVersion)
		}
		end := Release{}
		for _, s := range w.spans {
			if s.from.Compare(end) < 0 || s.from.Compare(s.before) >= 0 {
				t.Errorf("%s: %s to before %s follows what ends at %s", w.id, s.from, s.before, end)
			}
			end = s.before
		}
	}
	for _, number := range append(kept(), firstMaintained, lastSecurityRelease, udpOnSince, udpOffSince, first) {
		if r, ok := ParseRelease(number); !ok || r.String() != number {
			t.Errorf("%q is no release", number)
		}
	}
	if compacted := slices.Compact(slices.Sorted(slices.Values(kept()))); len(compacted) != len(kept()) {
		t.Error("a release is kept twice")
	}
}

// TestSpans: a release lies in a span exactly when it is at or after its start
// and before its end, and what is said of it agrees.
func TestSpans(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := Release{Major: 1, Minor: rapid.IntRange(0, 7).Draw(t, "minor"), Patch: rapid.IntRange(0, 50).Draw(t, "patch")}
		for _, w := range weaknesses() {
			s, inside := w.at(r)
			want := slices.ContainsFunc(w.spans, func(s span) bool {
				return !r.Before(s.from.Major, s.from.Minor, s.from.Patch) && r.Compare(s.before) < 0
			})
			if inside != want {
				t.Fatalf("%s in %s: %v", r, w.id, inside)
			}
			if !inside {
				continue
			}
			if s.from.Compare(r) > 0 || s.before.Compare(r) <= 0 {
				t.Fatalf("%s is not in %s to before %s", r, s.from, s.before)
			}
			fixed := w.fixedFor(r)
			if w.id == "CVE-2018-1000115" {
				if fixed != "" {
					t.Fatalf("no release stops answering UDP where -U is given: %s", fixed)
				}
				continue
			}
			mended, ok := ParseRelease(fixed)
			if _, still := w.at(mended); !ok || still || mended.Compare(r) <= 0 {
				t.Fatalf("%s of %s is fixed in %q", w.id, r, fixed)
			}
		}
	})
}

// serverFor is a server of which every condition may hold.
func serverFor(version string) []Observation {
	tcp := tcpSeen(Open).but(func(o *Observation) {
		o.Version, o.Dialect, o.Auth = &version, []string{"ascii"}, AuthASCII
		o.Settings = &Settings{
			AuthEnabledSASL: ptr("yes"), AuthEnabledASCII: ptr("/etc/auth"), BindingProtocol: ptr("auto-negotiate"),
			ProxyEnabled: ptr("yes"), Verbosity: ptr(uint64(2)), UDPPort: ptr(uint64(11211)),
		}
	})
	return []Observation{tcp, udpSeen(Open).but(func(o *Observation) { o.Version = &version })}
}

// TestEveryWeaknessIsReachable: some release shows it, and what is certain in
// the table is said to be so where all that it needs was seen.
func TestEveryWeaknessIsReachable(t *testing.T) {
	t.Parallel()
	found := map[string]Certainty{}
	for minor := range 7 {
		for patch := range 50 {
			for _, v := range judge(serverFor(fmt.Sprintf("1.%d.%d", minor, patch))...).Vulnerabilities {
				if found[v.ID] != Affected {
					found[v.ID] = v.Certainty
				}
			}
		}
	}
	for _, w := range weaknesses() {
		certainty, ok := found[w.id]
		if !ok {
			t.Errorf("%s: no release has it", w.id)
		}
		// What nothing shows from outside, what only distributions' numbers have,
		// and what is uncertain everywhere, stays possible.
		never := slices.Contains([]string{"CVE-2009-1255", "CVE-2009-2415", "CVE-2019-15026", "CVE-2021-37519", "CVE-2026-47783", "CVE-2026-47784"}, w.id)
		if (certainty == Affected) == never {
			t.Errorf("%s: %s", w.id, certainty)
		}
	}
	if len(found) != len(weaknesses()) {
		t.Errorf("%d found of %d", len(found), len(weaknesses()))
	}
}

// vulnerable lists what a finding has, as "CVE-… certainty".
func vulnerable(f Finding) map[string]Certainty {
	list := map[string]Certainty{}
	for _, v := range f.Vulnerabilities {
		list[v.ID] = v.Certainty
	}
	return list
}

func TestCertainty(t *testing.T) {
	t.Parallel()
	is := func(version string) func(*Observation) { return func(o *Observation) { o.Version = &version } }
	settings := func(change func(*Settings)) func(*Observation) {
		return func(o *Observation) {
			o.Settings = &Settings{}
			change(o.Settings)
		}
	}
	ascii := func(o *Observation) { o.Dialect = []string{"ascii"} }
	auto := settings(func(s *Settings) { s.BindingProtocol = ptr("auto-negotiate") })
	for _, tt := range []struct {
		name string
		seen []Observation
		id   string
		want Certainty // "": not listed
	}{
		{"upstream, udp answers", []Observation{tcpSeen(Open).but(is("1.6.5")), udpSeen(Open).but(is("1.6.5"))}, "CVE-2022-48571", Affected},
		{"udp on by the settings", []Observation{tcpSeen(Open).but(is("1.6.5")).but(settings(func(s *Settings) { s.UDPPort = ptr(uint64(11211)) }))}, "CVE-2022-48571", Affected},
		{"udp off by the settings", []Observation{tcpSeen(Open).but(is("1.6.5")).but(settings(func(s *Settings) { s.UDPPort = ptr(uint64(0)) }))}, "CVE-2022-48571", ""},
		{"-l names a port: the setting may lie", []Observation{tcpSeen(Open).but(is("1.6.5")).but(settings(func(s *Settings) { s.UDPPort, s.Inter = ptr(uint64(0)), ptr("10.0.0.5:11211") }))}, "CVE-2022-48571", Possible},
		{"udp silent", []Observation{tcpSeen(Open).but(is("1.6.5")), udpSeen(Silent)}, "CVE-2022-48571", Possible},
		{"udp of another process", []Observation{tcpSeen(Open).but(is("1.6.5")), udpSeen(Open).but(is("1.6.18"))}, "CVE-2022-48571", Possible},
		{"Debian keeps it", []Observation{tcpSeen(Open).but(is("1.4.33")).but(auto)}, "CVE-2017-9951", Possible},
		{"RHEL keeps it", []Observation{tcpSeen(Open).but(is("1.4.15")).but(auto)}, "CVE-2016-8704", Possible},
		{"a vendor's name", []Observation{tcpSeen(Open).but(is("1.4.29 Ubuntu")).but(auto)}, "CVE-2016-8704", Possible},
		{"a pre-release", []Observation{tcpSeen(Open).but(is("1.4.29-rc1")).but(auto)}, "CVE-2016-8704", Possible},
		{"a build after a tag", []Observation{tcpSeen(Open).but(is("1.4.29_5_gabcde")).but(auto)}, "CVE-2016-8704", Possible},
		{"upstream", []Observation{tcpSeen(Open).but(is("1.4.29")).but(auto)}, "CVE-2016-8704", Affected},
		{"sources differ on the last release", []Observation{tcpSeen(Open).but(is("1.4.32")).but(auto)}, "CVE-2016-8704", Possible},
		{"fixed", []Observation{tcpSeen(Open).but(is("1.4.35")).but(auto)}, "CVE-2016-8704", ""},
		{"binary not asked", []Observation{tcpSeen(Open).but(is("1.4.29")).but(ascii)}, "CVE-2016-8704", Possible},
		{"-B ascii, udp off", []Observation{tcpSeen(Open).but(is("1.4.29")).but(settings(func(s *Settings) { s.BindingProtocol, s.UDPPort = ptr("ascii"), ptr(uint64(0)) }))}, "CVE-2016-8704", ""},
		{"-B ascii does not count for udp", []Observation{tcpSeen(Open).but(is("1.4.29")).but(settings(func(s *Settings) { s.BindingProtocol, s.UDPPort = ptr("ascii"), ptr(uint64(11211)) }))}, "CVE-2016-8704", Possible},
		{"binary, but credentials first", []Observation{tcpSeen(AuthRequired).but(is("1.4.29")).but(func(o *Observation) { o.Auth, o.Dialect = AuthSASL, []string{"binary"} })}, "CVE-2016-8704", Possible},
		{"sasl", []Observation{tcpSeen(AuthRequired).but(is("1.4.10")).but(func(o *Observation) { o.Auth = AuthSASL })}, "CVE-2013-7239", Affected},
		{"no sasl", []Observation{tcpSeen(Open).but(is("1.4.10"))}, "CVE-2013-7239", ""},
		{"sasl not known", []Observation{udpSeen(Open).but(is("1.4.10"))}, "CVE-2013-7239", Possible},
		{"sasl, but which build", []Observation{tcpSeen(AuthRequired).but(is("1.6.40")).but(func(o *Observation) { o.Auth = AuthSASL })}, "CVE-2026-47783", Possible},
		{"sasl, and so no udp", []Observation{tcpSeen(AuthRequired).but(is("1.6.5")).but(func(o *Observation) { o.Auth = AuthSASL })}, "CVE-2022-48571", ""},
		{"sasl, and so no password file", []Observation{tcpSeen(AuthRequired).but(is("1.6.9")).but(func(o *Observation) { o.Auth = AuthSASL })}, "CVE-2021-37519", ""},
		{"a password file", []Observation{tcpSeen(AuthRequired).but(is("1.6.9")).but(func(o *Observation) { o.Auth = AuthASCII })}, "CVE-2021-37519", Possible},
		{"sasl, and so no ascii", []Observation{tcpSeen(AuthRequired).but(is("1.6.1")).but(func(o *Observation) { o.Auth = AuthSASL })}, "CVE-2020-22570", ""},
		{"sasl, but udp may be on", []Observation{tcpSeen(AuthRequired).but(is("1.5.12")).but(func(o *Observation) { o.Auth = AuthSASL })}, "CVE-2019-11596", Possible},
		{"sasl, and udp off by the settings", []Observation{tcpSeen(AuthRequired).but(is("1.5.12")).but(func(o *Observation) { o.Auth = AuthSASL }).but(settings(func(s *Settings) { s.UDPPort = ptr(uint64(0)) }))}, "CVE-2019-11596", ""},
		{"no sasl, whichever build", []Observation{tcpSeen(Open).but(is("1.6.40"))}, "CVE-2026-47783", ""},
		{"-vv", []Observation{tcpSeen(Open).but(is("1.4.10")).but(settings(func(s *Settings) { s.Verbosity = ptr(uint64(2)) }))}, "CVE-2013-0179", Affected},
		{"quiet", []Observation{tcpSeen(Open).but(is("1.4.10")).but(settings(func(s *Settings) { s.Verbosity = ptr(uint64(1)) }))}, "CVE-2013-0179", ""},
		{"proxy", []Observation{tcpSeen(Open).but(is("1.6.20")).but(func(o *Observation) { o.Product = "memcached-proxy" })}, "CVE-2023-46853", Affected},
		{"proxy of a distribution", []Observation{tcpSeen(Open).but(is("1.6.18")).but(func(o *Observation) { o.Product = "memcached-proxy" })}, "CVE-2023-46853", Possible},
		{"built without a proxy", []Observation{tcpSeen(Open).but(is("1.6.20")).but(settings(func(*Settings) {}))}, "CVE-2023-46853", ""},
		{"the setting is younger", []Observation{tcpSeen(Open).but(is("1.6.13")).but(settings(func(*Settings) {}))}, "CVE-2023-46853", Possible},
		{"a reflector, whoever built it", []Observation{udpSeen(Open).but(is("1.6.18"))}, "CVE-2018-1000115", Affected},
		{"no reflector, whatever its default", []Observation{tcpSeen(Open).but(is("1.5.5"))}, "CVE-2018-1000115", ""},
		{"numbers of others", []Observation{tcpSeen(Open).but(is("0.3.2"))}, "CVE-2010-1152", ""},
		{"mcrouter's own number", []Observation{tcpSeen(Open).but(is("1.0.0 mcrouter")).but(func(o *Observation) { o.Product = "mcrouter" })}, "CVE-2010-1152", ""},
		{"nothing answers", []Observation{tcpSeen(Closed).but(is("1.4.2"))}, "CVE-2010-1152", ""},
		{"the reporter's range is too wide", []Observation{tcpSeen(Open).but(is("1.4.36")).but(ascii)}, "CVE-2019-11596", ""},
		{"no version", []Observation{udpSeen(Open)}, "CVE-2018-1000115", ""},
	} {
		f := judge(tt.seen...)
		if got := vulnerable(f)[tt.id]; got != tt.want {
			t.Errorf("%s: %s %q, want %q", tt.name, tt.id, got, tt.want)
		}
		if said := slices.ContainsFunc(f.Reasons, func(r string) bool { return strings.Contains(r, tt.id) }); said != (tt.want == Affected) {
			t.Errorf("%s: %s is among the reasons: %v", tt.name, tt.id, said)
		}
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]Lifecycle{
		"1.2.6":         {"1.2.6", "off", true, plainCaveat},
		"1.2.7":         {"1.2.7", "on", true, plainCaveat},
		"1.4.15":        {"1.4.15", "on", true, keptCaveat},
		"1.4.25 Ubuntu": {"1.4.25", "on", true, vendorCaveat},
		"1.5.5":         {"1.5.5", "on", true, plainCaveat},
		"1.5.6":         {"1.5.6", "off", true, keptCaveat},
		"1.6.0-beta1":   {"1.6.0", "off", false, vendorCaveat},
		"1.6.18":        {"1.6.18", "off", false, keptCaveat},
		"1.6.45":        {"1.6.45", "off", false, plainCaveat},
	} {
		f := judge(tcpSeen(Open).but(func(o *Observation) { o.Version = &version }))
		if f.Release == nil || *f.Release != want {
			t.Errorf("%s: %+v, want %+v", version, f.Release, want)
		}
		ended := slices.ContainsFunc(f.Reasons, func(r string) bool { return strings.Contains(r, "mends "+want.Version+" no more") })
		if ended != (want.EndOfLife && want.Caveat != vendorCaveat) {
			t.Errorf("%s: its end is said: %v", version, ended)
		}
	}
	for _, version := range []string{"UNKNOWN", "0.3.2", ""} {
		if f := judge(tcpSeen(Open).but(func(o *Observation) { o.Version = &version })); f.Release != nil || f.Vulnerabilities != nil {
			t.Errorf("%q: %+v, %v", version, f.Release, f.Vulnerabilities)
		}
	}
}

func TestAffectsInWords(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"CVE-2009-1494":    "1.2.8",
		"CVE-2009-2415":    "1.1.12 and 1.2.2",
		"CVE-2010-1152":    "before 1.4.3",
		"CVE-2011-4971":    "from 1.4.0 to before 1.4.16, over the binary protocol",
		"CVE-2016-8706":    "from 1.4.3 to before 1.4.33, where SASL is on (-S)",
		"CVE-2018-1000115": "every release, where UDP answers; on by default from 1.2.7 to 1.5.5",
	}
	for _, w := range weaknesses() {
		if text, ok := want[w.id]; ok && w.affects() != text {
			t.Errorf("%s: %q, want %q", w.id, w.affects(), text)
		}
		delete(want, w.id)
	}
	for id := range maps.Keys(want) {
		t.Errorf("%s is not in the table", id)
	}
}

// TestVulnerabilitiesDoNotChangeTheVerdict: exposure is judged, not a number.
func TestVulnerabilitiesDoNotChangeTheVerdict(t *testing.T) {
	t.Parallel()
	want := judge(serverFor("1.6.45")...)
	for _, version := range []string{"1.2.2", "1.4.15", "1.4.29", "1.6.0", "1.6.20"} {
		if f := judge(serverFor(version)...); f.Verdict != want.Verdict || f.Severity != want.Severity {
			t.Errorf("%s: %s, %s; want %s, %s", version, f.Severity, f.Verdict, want.Severity, want.Verdict)
		}
	}
}

func TestVulnerabilitiesAreInOrder(t *testing.T) {
	t.Parallel()
	f := judge(serverFor("1.4.29")...)
	for i, v := range f.Vulnerabilities[1:] {
		if before := f.Vulnerabilities[i]; before.Certainty == Possible && v.Certainty == Affected || before.Certainty == v.Certainty && before.CVSS < v.CVSS {
			t.Errorf("%s %s %v stands before %s %s %v", before.ID, before.Certainty, before.CVSS, v.ID, v.Certainty, v.CVSS)
		}
	}
}
