package probes

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// answerKind is how an endpoint took to `stats` or `stats settings`.
type answerKind int

const (
	notAsked answerKind = iota // or not to the end: nothing follows from it
	answered                   // STAT lines to END
	refused                    // an error line
	hungUp                     // FIN or RST without a byte, on a connection of its own
	silent                     // nothing, with the connection open
)

// failed: the question was put, and was not answered.
func (k answerKind) failed() bool { return k == refused || k == hungUp || k == silent }

// statAnswer is the answer to `stats` or `stats settings`.
type statAnswer struct {
	kind   answerKind
	values statList
}

// traits is what is held against stock memcached.
type traits struct {
	first           lineKind // the answer to `version`
	version         *string
	stats, settings statAnswer
}

func (t traits) versionIs(match func(version string) bool) bool {
	return t.version != nil && match(*t.version)
}

// tell is one way to see that an endpoint is not stock memcached.
type tell struct {
	product string
	holds   func(traits) (why string, ok bool)
}

// lookalike is the product when it is not stock, but its name is not known.
const lookalike = "lookalike"

// tells is searched from the top; the first that holds names the product.
// Those for lookalike come last.
var tells = []tell{
	{"mcrouter", versionHas("mcrouter")},
	{"mcrouter", statBegins("version", "mcrouter")},
	{"mcrouter", statPresent("commandargs")},
	{"dragonfly", versionEnds(" DF")},
	{"dragonfly", statBegins("libevent", "iouring")},
	{"dragonfly", statBegins("libevent", "epoll")},
	{"hazelcast", versionHas("Hazelcast")},
	{"hazelcast", statPresent("waiting_requests")},
	{"infinispan", versionEnds(".Final")},
	{"moxi", versionHas("moxi")},
	{"memcached-proxy", settingIs("proxy_enabled", "yes")},
	{"memcached-proxy", settingIs("binding_protocol", "proxy")},
	{"memcached-proxy", statPresent("proxy_conn_requests")},
	{"pelikan", versionBegins("0.")},
	{"twemproxy", hangsUpOnStats},
	{"qeeqbox-honeypot", statBegins("hash_is_expanding", "False")},
	{"dionaea", statBegins("accepting_conns", " ")},
	{"proxy", answersServerError},
	{lookalike, noVersion},
	{lookalike, knowsNothing},
	{lookalike, otherStatVersion},
	{lookalike, oddVersion},
	{lookalike, thinStats},
	{lookalike, noStats},
	{lookalike, noSettings},
}

// identify names the product and says why; both are empty for stock memcached.
func identify(t traits) (product string, why []string) {
	for _, tell := range tells {
		if reason, ok := tell.holds(t); ok {
			why = append(why, reason)
			if product == "" {
				product = tell.product
			}
		}
	}
	return product, why
}

func versionHas(word string) func(traits) (string, bool) {
	why := fmt.Sprintf("the version contains %q", word)
	return func(t traits) (string, bool) {
		return why, t.versionIs(func(v string) bool { return strings.Contains(v, word) })
	}
}

func versionBegins(prefix string) func(traits) (string, bool) {
	why := fmt.Sprintf("the version begins with %q", prefix)
	return func(t traits) (string, bool) {
		return why, t.versionIs(func(v string) bool { return strings.HasPrefix(v, prefix) })
	}
}

func versionEnds(suffix string) func(traits) (string, bool) {
	why := fmt.Sprintf("the version ends with %q", suffix)
	return func(t traits) (string, bool) {
		return why, t.versionIs(func(v string) bool { return strings.HasSuffix(v, suffix) })
	}
}

func statPresent(key string) func(traits) (string, bool) {
	why := "stats has " + key
	return func(t traits) (string, bool) {
		_, ok := t.stats.values.value(key)
		return why, ok
	}
}

func statBegins(key, prefix string) func(traits) (string, bool) {
	why := "stats says " + key + " " + prefix
	return func(t traits) (string, bool) {
		value, _ := t.stats.values.value(key)
		return why, bytes.HasPrefix(value, []byte(prefix))
	}
}

func settingIs(key, want string) func(traits) (string, bool) {
	why := "stats settings says " + key + " " + want
	return func(t traits) (string, bool) {
		value, _ := t.settings.values.value(key)
		return why, string(value) == want
	}
}

// hangsUpOnStats: twemproxy forwards version to a backend and closes on what
// it cannot forward.
func hangsUpOnStats(t traits) (string, bool) {
	return "answers version, and closes on stats and stats settings",
		t.first == lineVersion && t.stats.kind == hungUp && t.settings.kind == hungUp
}

func answersServerError(t traits) (string, bool) {
	return "answers version with SERVER_ERROR, as a proxy without a backend does", t.first == lineServerError
}

func noVersion(t traits) (string, bool) {
	return "answers stats, but does not know version", t.first == lineError && !t.stats.values.empty()
}

func knowsNothing(t traits) (string, bool) {
	return "does not know version, and gave no statistics",
		(t.first == lineError || t.first == lineStat) && t.stats.values.empty()
}

func otherStatVersion(t traits) (string, bool) {
	inStats, ok := t.stats.values.value("version")
	if t.version == nil || t.stats.kind != answered {
		return "", false
	}
	return "stats does not say the same version as version does", !ok || string(inStats) != *t.version
}

// stockVersion is the version that upstream's build puts together: a number,
// and after a dash what lies after the last tag.
var stockVersion = regexp.MustCompile(`^\d+\.\d+\.\d+(-\S+)?$`)

// oddVersion: text after the number is held against a server only when it
// also failed a question, since distributors append their name ("1.4.25
// Ubuntu") and builds outside of git say UNKNOWN.
func oddVersion(t traits) (string, bool) {
	return "the version is not of the form 1.2.3", (t.stats.kind.failed() || t.settings.kind.failed()) &&
		t.versionIs(func(v string) bool { return !stockVersion.MatchString(v) })
}

// before14: releases before 1.4 know less than what is asked for here
// (`stats settings` came with 1.3.3).
func before14(t traits) bool {
	return t.versionIs(func(v string) bool {
		return strings.HasPrefix(v, "1.1.") || strings.HasPrefix(v, "1.2.") || strings.HasPrefix(v, "1.3.")
	})
}

func thinStats(t traits) (string, bool) {
	_, pid := t.stats.values.value("pid")
	_, pointer := t.stats.values.value("pointer_size")
	return "stats has no pid or no pointer_size", t.stats.kind == answered && !(pid && pointer) && !before14(t)
}

func noStats(t traits) (string, bool) {
	return "answers version, but not stats", t.first == lineVersion && (t.stats.kind == refused || t.stats.kind == hungUp)
}

// noSettings: silence counts only beside an answer to `stats`, else the
// server may just be slow.
func noSettings(t traits) (string, bool) {
	missing := t.settings.kind == refused || t.settings.kind == hungUp ||
		t.settings.kind == silent && t.stats.kind == answered
	return "does not know stats settings", missing && !before14(t)
}
