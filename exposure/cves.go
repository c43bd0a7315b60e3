package exposure

import "sync"

// weakness is one entry of the list of published vulnerabilities.
type weakness struct {
	id          string
	title       string
	cvss        float64 // base score
	cvssVersion string
	spans       []span    // ascending, without overlaps
	needs       condition // beyond the release
	// observed: when the condition holds, the weakness itself was seen at work,
	// whatever the release is called and whoever built it.
	observed bool
}

// span is a range of releases: from the first that has a weakness up to the
// first that does not.
type span struct {
	from, before Release
	// certain: it was reproduced on builds of these releases, or the fixing
	// commit and the published range agree.
	certain bool
}

// described is a weakness with what is said of it whichever server has it.
type described struct {
	weakness
	words     string // weakness.affects
	mended    []mend
	reference string
}

// weaknesses are the vulnerabilities of memcached as published lists them. They
// are made once: every finding is looked up in them.
var weaknesses = sync.OnceValue(func() (list []described) {
	for _, w := range published() {
		list = append(list, described{w, w.affects(), w.mends(), "https://nvd.nist.gov/vuln/detail/" + w.id})
	}
	return list
})

// published are the vulnerabilities of memcached, by year. Scores are those of
// NVD, of CVSS 3 where there is one; that of CVE-2020-22570, which NVD has not
// scored, is from third-party listings. Ranges are NVD's or the reporter's
// unless a comment says why not.
func published() []weakness {
	return []weakness{
		// NVD's CPE names memcachedb, the text memcached.
		{"CVE-2009-1255", "stats maps tells anyone how memory is laid out", 5.0, "2.0",
			[]span{perhaps(first, "1.2.8")}, always, false},
		{"CVE-2009-1494", "stats malloc tells anyone how memory is used", 5.0, "2.0",
			[]span{surely("1.2.8", "1.2.9")}, always, false},
		// Only these two are listed; which others have it is not known.
		{"CVE-2009-2415", "heap overflow by the length of an item", 10.0, "2.0",
			[]span{perhaps("1.1.12", "1.1.13"), perhaps("1.2.2", "1.2.3")}, always, false},
		{"CVE-2010-1152", "a long line without an end uses all memory up", 5.0, "2.0",
			[]span{surely(first, "1.4.3")}, always, false},
		// NVD says up to 1.4.5. Upstream's test packet crashes 1.4.5 to 1.4.15;
		// 6695ccbc5 mends it in 1.4.16.
		{"CVE-2011-4971", "crash by a negative length in a binary packet", 5.0, "2.0",
			[]span{perhaps("1.4.0", "1.4.5"), surely("1.4.5", "1.4.16")}, binarySpoken, false},
		{"CVE-2013-0179", "crash while a deleted key is logged", 1.8, "2.0",
			[]span{perhaps("1.4.0", "1.4.4"), surely("1.4.4", "1.4.17")}, commandsInLog, false},
		{"CVE-2013-7239", "SASL lets in who fails once and tries again", 4.8, "2.0",
			[]span{surely("1.4.3", "1.4.17")}, saslOn, false},
		{"CVE-2013-7290", "crash while a requested key is logged", 1.8, "2.0",
			[]span{perhaps("1.4.0", "1.4.4"), surely("1.4.4", "1.4.17")}, commandsInLog, false},
		{"CVE-2013-7291", "crash while an endless key is logged", 1.8, "2.0",
			[]span{surely("1.4.0", "1.4.17")}, commandsInLog, false},
		// NVD says up to 1.4.31; bd578fc34 is first in 1.4.33.
		{"CVE-2016-8704", "heap overflow by binary append and prepend", 9.8, "3.0",
			[]span{surely("1.4.0", "1.4.32"), perhaps("1.4.32", "1.4.33")}, binarySpoken, false},
		{"CVE-2016-8705", "heap overflow by binary set, add and replace", 9.8, "3.0",
			[]span{surely("1.4.0", "1.4.32"), perhaps("1.4.32", "1.4.33")}, binarySpoken, false},
		{"CVE-2016-8706", "heap overflow by a SASL request", 8.1, "3.0",
			[]span{surely("1.4.3", "1.4.32"), perhaps("1.4.32", "1.4.33")}, saslOn, false},
		{"CVE-2017-9951", "crash by binary set and add: the mend of CVE-2016-8705 was not complete", 7.5, "3.0",
			[]span{surely("1.4.0", "1.4.39")}, binarySpoken, false},
		// NVD says 1.5.5, the last release with UDP on unless it is switched off.
		// It is no bug of a release: whatever answers UDP can be turned on others.
		{"CVE-2018-1000115", "UDP replies flood the owner of a forged address", 7.5, "3.0",
			[]span{surely(first, "")}, udpAnswers, true},
		{"CVE-2018-1000127", "an overflowing reference count corrupts items, or hangs the server", 7.5, "3.0",
			[]span{surely(first, "1.4.37")}, always, false},
		// NVD says before 1.5.14; 1.4.30 to 1.4.39 do not crash, 1.5.0 to 1.5.13 do.
		{"CVE-2019-11596", "crash by lru mode and lru temp_ttl", 7.5, "3.0",
			[]span{surely("1.5.0", "1.5.14")}, asciiSpoken, false},
		{"CVE-2019-15026", "stats conns reads beyond the name of a UNIX socket", 7.5, "3.0",
			[]span{surely("1.5.16", "1.5.17")}, unixSocket, false},
		{"CVE-2020-10931", "crash by the length of the extras in a binary packet", 7.5, "3.1",
			[]span{surely("1.6.0", "1.6.2")}, binarySpoken, false},
		{"CVE-2020-22570", "crash by a meta command", 7.5, "3.1",
			[]span{surely("1.6.0", "1.6.3")}, asciiSpoken, false},
		// NVD says 1.6.9; ddee3e27a in 1.6.10 mends code that came with -Y.
		{"CVE-2021-37519", "a crafted password file overflows a buffer when it is read", 5.5, "3.1",
			[]span{perhaps("1.5.15", "1.6.9"), surely("1.6.9", "1.6.10")}, passwordFile, false},
		// NVD says 1.6.7; all of 1.6.0 to 1.6.7 crash, 6b319c8c7 mends it in 1.6.8.
		{"CVE-2022-48571", "crash by a datagram that says it is one of several", 7.5, "3.1",
			[]span{surely("1.6.0", "1.6.8")}, udpOn, false},
		// NVD says before 1.6.22; the proxy came with 1.6.13.
		{"CVE-2023-46852", "the proxy overflows a buffer by many blanks after get", 7.5, "3.1",
			[]span{surely("1.6.13", "1.6.22")}, proxyOn, false},
		{"CVE-2023-46853", "the proxy is off by one where a line ends without CR", 9.8, "3.1",
			[]span{surely("1.6.13", "1.6.22")}, proxyOn, false},
		// NVD says before 1.6.42; a build with --enable-sasl-pwdb, which nothing
		// shows from outside.
		{"CVE-2026-47783", "the time that SASL takes tells which user names exist", 8.1, "3.1",
			[]span{surely("1.4.5", "1.6.42")}, saslPasswordDB, false},
		{"CVE-2026-47784", "the time that SASL takes tells how much of a password is right", 8.1, "3.1",
			[]span{surely("1.4.5", "1.6.42")}, saslPasswordDB, false},
	}
}

func surely(from, before string) span  { return span{release(from), release(before), true} }
func perhaps(from, before string) span { return span{release(from), release(before), false} }

// first is before every release of memcached: the numbers of others that speak
// its protocol begin with 0.
const first = "1.0.0"

// release reads a number of the tables here; "" is one that is never reached.
func release(number string) Release {
	if r, ok := ParseRelease(number); ok {
		return r
	}
	return Release{Major: maxMajor + 1}
}

// kept are the releases that somebody keeps for years and mends without giving
// them another number: the same string then comes from upstream's sources and
// from theirs. Ubuntu has often added its name ("1.4.25 Ubuntu"), but not always.
func kept() []string {
	return []string{
		"1.2.2", "1.4.5", "1.4.13", "1.4.21", "1.4.33", "1.5.6", "1.6.9", "1.6.18", "1.6.38", // Debian 5 to 13
		"1.4.2", "1.4.14", "1.4.25", "1.5.22", "1.6.14", "1.6.24", // Ubuntu 10.04 to 24.04, where not as Debian
		"1.4.4", "1.4.15", "1.5.9", "1.6.23", // RHEL 6 to 10 and what is built from it, where not as those above
		"1.4.39",                               // SUSE 12; 15 is as Debian 10
		"1.4.24", "1.4.34", "1.5.10", "1.5.16", // Amazon ElastiCache, Google Memorystore
		"1.6.6", "1.6.12", "1.6.15", "1.6.17", "1.6.22",
	}
}

// keptReleases are the same as they are looked up, for every finding.
var keptReleases = sync.OnceValue(func() map[Release]bool {
	set := map[Release]bool{}
	for _, number := range kept() {
		set[release(number)] = true
	}
	return set
})

// Upstream makes its releases from one line: no series is mended any more once
// the next has begun. endoflife.date/memcached has the same: 1.5 ended on
// 2020-03-09, when 1.6 was out.
const firstMaintained = "1.6.0"

// lastSecurityRelease is the last of those in which upstream mended security
// bugs that have no CVE: 1.6.42 (2026-05-19) to 1.6.45 (2026-07-09).
const lastSecurityRelease = "1.6.45"

// UDP was on unless -U 0 was given from 1.2.7 on, and off unless -U is given
// since 1.5.6 (2018-02-27, upstream commit dbb7a8af9).
const (
	udpOnSince  = "1.2.7"
	udpOffSince = "1.5.6"
)
