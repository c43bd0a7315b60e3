package life

import (
	"fmt"
	"strconv"

	"github.com/memsweep/memsweep/exposure"
)

// Differences say in plain words what changed from was to now: "version 1.4.25 →
// 1.6.39". Nil stands for no answer; then there is nothing to tell apart. They
// may quote servers, and are escaped by whoever prints them.
func Differences(was, now *Seen) (list []string) {
	if was == nil || now == nil {
		return nil
	}
	between := func(name, a, b, gone, come string) {
		switch {
		case a == b:
		case b == "":
			list = append(list, fmt.Sprintf(gone, a))
		case a == "":
			list = append(list, fmt.Sprintf(come, b))
		default:
			list = append(list, name+" "+a+" → "+b)
		}
	}
	between("severity", string(was.Severity), string(now.Severity), "severity was %s", "severity %s")
	between("verdict", string(was.Verdict), string(now.Verdict), "verdict was %s", "verdict %s")
	if was.State != now.State {
		list = append(list, StateWords(was.State)+" → "+StateWords(now.State))
	}
	list = append(list, credentials(was.Auth, now.Auth)...)
	between("amplification", factor(was.BAF), factor(now.BAF), "amplification not measured any more (was %s)", "amplification %s measured")
	if was.TLS != now.TLS {
		list = append(list, whether(now.TLS, "speaks TLS now", "no longer speaks TLS"))
	}
	between("version", text(was.Version), text(now.Version), "no longer names its version (was %s)", "names its version: %s")
	between("service", was.Service, now.Service, "service not recognised any more (was %s)", "recognised as %s")
	between("product", was.Product, now.Product, "no longer seen as %s", "seen as %s")
	if was.Justified != now.Justified {
		list = append(list, whether(now.Justified, "justified by the policy now", "no longer justified by the policy"))
	}
	between("owner", was.Owner, now.Owner, "nobody answers for it any more (was %s)", "%s answers for it")
	return list
}

// StateWords says in plain words what an endpoint does.
func StateWords(s exposure.State) string {
	switch s {
	case exposure.Open:
		return "answers anyone"
	case exposure.AuthRequired:
		return "asks for credentials"
	case exposure.TLS:
		return "wants TLS first"
	case exposure.Full:
		return "at its connection limit"
	case exposure.Foreign:
		return "speaks another protocol"
	case exposure.Mute:
		return "accepts and says nothing"
	}
	return string(s)
}

// credentials are told of where it is known whether they are asked for.
func credentials(was, now exposure.Auth) []string {
	known := func(a exposure.Auth) bool { return a != exposure.AuthUnknown && a != "" }
	switch {
	case was == now || !known(was) && !known(now):
		return nil
	case !known(now):
		return []string{"not known any more whether it asks for credentials"}
	case now == exposure.AuthNone:
		if !known(was) {
			return []string{"asks for no credentials"}
		}
		return []string{"no longer asks for credentials"}
	case was == exposure.AuthNone || !known(was):
		return []string{fmt.Sprintf("asks for credentials now (%s)", now)}
	}
	return []string{fmt.Sprintf("credentials %s → %s", was, now)}
}

// factor writes an amplification as people say it: ×148, and ×4.2 below ten.
func factor(baf *float64) string {
	switch {
	case baf == nil:
		return ""
	case *baf < 9.95:
		return "×" + strconv.FormatFloat(*baf, 'f', 1, 64)
	}
	return "×" + strconv.FormatFloat(*baf, 'f', 0, 64)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func whether(yes bool, then, otherwise string) string {
	if yes {
		return then
	}
	return otherwise
}
