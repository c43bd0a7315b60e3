package policy

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/handwritten"
)

// maxDays is the longest that a justification may hold.
const maxDays = 400

// justification is one, as the file has it.
type justification struct {
	exposure.Justification
	line             int
	match            match
	promise          promise
	created, expires time.Time // the first moment of the day, UTC; zero: not known
	flaw             error     // what is wrong with it as it is written: it never holds
}

// match says which endpoint a justification is for, and who may reach it.
type match struct {
	cidr      netip.Prefix
	port      uint16
	transport exposure.Transport
	vantages  []string // by name
}

var (
	justificationKeys = []string{"match", "constraints", "owner", "reason", "created", "expires"}
	matchKeys         = []string{"cidr", "port", "transport", "vantages"}
)

// justification reads one. Its match, and keys that mean nothing, are the
// file's mistakes; all others are its own, so that it can be named beside the
// finding that it does not justify.
func (f *policyFile) justification(item *yaml.Node) {
	j := &justification{line: item.Line}
	j.Source = fmt.Sprintf("%s:%d", f.Path, item.Line)
	own := policyFile{File: newFile(f.Path)}
	seen := f.Mapping(item, func(key, value *yaml.Node) {
		switch key.Value {
		case "match":
			j.match = f.match(key, value)
		case "constraints":
			j.promise = f.promise(key, value, &own)
		case "owner":
			j.Owner = own.filledIn(key, value)
		case "reason":
			j.Reason = own.filledIn(key, value)
		case "created":
			j.Created, j.created = own.day(key, value)
		case "expires":
			j.Expires, j.expires = own.day(key, value)
		default:
			f.Unknown(key, justificationKeys)
		}
	})
	if !seen["match"] {
		f.Refuse(item, "match is missing: write which endpoint is justified, as `match: {cidr: 192.0.2.7, port: 11211, transport: tcp, vantages: [office]}`")
		return
	}
	for _, key := range justificationKeys {
		if !seen[key] {
			own.Refuse(item, "%s is missing: %s", key, fillIn(key))
		}
	}
	own.dates(item, j)
	if seen["constraints"] {
		j.promise.fits(j.match.transport, &own, item)
	}
	j.flaw = own.Err()
	f.policy.byRange[j.match.cidr] = append(f.policy.byRange[j.match.cidr], len(f.policy.justified))
	f.policy.justified = append(f.policy.justified, j)
}

// fillIn says what to write for a key that a justification cannot be without.
func fillIn(key string) string {
	switch key {
	case "constraints":
		return "write what the server promises, as `constraints: {auth: required, tls: true}`, or `constraints: {max_amplification: 10}` for udp"
	case "owner":
		return "fill in who answers for it, as `owner: Jane Doe`"
	case "reason":
		return "fill in why it has to be, as `reason: billing reads it, SEC-42`"
	case "created":
		return "fill in the day of the decision, as `created: 2027-01-31`"
	}
	return fmt.Sprintf("fill in the last day, at most %d days after created, as `expires: 2027-04-30`", maxDays)
}

func (f *policyFile) match(key, value *yaml.Node) match {
	var m match
	if value.Kind != yaml.MappingNode {
		f.Refuse(key, "match is not a mapping: write it as `match: {cidr: 192.0.2.7, port: 11211, transport: tcp, vantages: [office]}`")
		return m
	}
	seen := f.Mapping(value, func(key, value *yaml.Node) {
		switch key.Value {
		case "cidr":
			m.cidr = f.prefix(key, value)
		case "port":
			m.port = f.port(key, value)
		case "transport":
			m.transport = exposure.Transport(f.oneOf(key, value, []string{string(exposure.TCP), string(exposure.UDP)}))
		case "vantages":
			m.vantages = f.vantages(key, value)
		default:
			f.Unknown(key, matchKeys)
		}
	})
	for _, name := range matchKeys {
		if !seen[name] {
			f.Refuse(key, "match: %s is missing: write all of %s", name, strings.Join(matchKeys, ", "))
		}
	}
	return m
}

func (f *policyFile) port(key, value *yaml.Node) uint16 {
	port, err := strconv.ParseUint(value.Value, 10, 16)
	if value.Kind != yaml.ScalarNode || err != nil || port == 0 {
		f.Refuse(key, "port %s: write a number from 1 to 65535", handwritten.Quote(value.Value))
	}
	return uint16(port)
}

func (f *policyFile) vantages(key, list *yaml.Node) []string {
	var names []string
	if handwritten.IsList(list) {
		for _, item := range list.Content {
			if name := f.Text(&yaml.Node{Value: "vantages", Line: item.Line}, item); name != "" {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 || len(names) != len(list.Content) {
		f.Refuse(key, "vantages: write the names of the vantages that may reach it, as `vantages: [office]`")
	}
	return names
}

// A person who has to fill something in finds TODO there.
var todo = regexp.MustCompile(`(?i)^\W*todo\b`)

func (f *policyFile) filledIn(key, value *yaml.Node) string {
	text := f.Text(key, value)
	switch {
	case text == "" && value.Kind == yaml.ScalarNode:
		f.Refuse(key, "%s is empty: %s", key.Value, fillIn(key.Value))
	case todo.MatchString(text):
		f.Refuse(key, "%s is %s: %s", key.Value, handwritten.Quote(text), fillIn(key.Value))
	case len(text) > handwritten.MaxText: // refused, and still shown
		text = strings.ToValidUTF8(text[:handwritten.MaxText], "")
	}
	return text
}

func (f *policyFile) day(key, value *yaml.Node) (string, time.Time) {
	day, err := time.Parse(time.DateOnly, value.Value)
	if value.Kind != yaml.ScalarNode || err != nil {
		f.Refuse(key, "%s %s: not a day: %s", key.Value, handwritten.Quote(value.Value), fillIn(key.Value))
		return "", time.Time{}
	}
	return value.Value, day
}

// dates checks those that were read against each other.
func (f *policyFile) dates(item *yaml.Node, j *justification) {
	switch {
	case j.Created == "" || j.Expires == "":
	case j.expires.Before(j.created):
		f.Refuse(item, "expires %s is before created %s: %s", j.Expires, j.Created, fillIn("expires"))
	case j.expires.After(j.created.AddDate(0, 0, maxDays)):
		f.Refuse(item, "expires %s is more than %d days after created %s: write %s at most, and have it decided anew then",
			j.Expires, maxDays, j.Created, j.created.AddDate(0, 0, maxDays).Format(time.DateOnly))
	}
}

// inForce returns why the justification does not hold at now, whatever the
// server does; nil when it does.
func (j *justification) inForce(now time.Time) error {
	switch {
	case j.flaw != nil:
		return j.flaw
	case now.Before(j.created):
		return fmt.Errorf("%s: created %s is in the future (UTC): %s", j.Source, j.Created, fillIn("created"))
	case !now.Before(j.expires.AddDate(0, 0, 1)):
		return fmt.Errorf("%s: expired after %s (UTC): close what it is for, or have it decided anew", j.Source, j.Expires)
	}
	return nil
}

// covers reports whether it is for an endpoint at addr; who may reach that is
// for admits.
func (m match) covers(addr netip.Addr, e endpoint) bool {
	return m.port == e.port && m.transport == e.transport && m.cidr.Contains(addr)
}

func (m match) admits(vantage string) bool { return slices.Contains(m.vantages, vantage) }
