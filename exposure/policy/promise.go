package policy

import (
	"fmt"
	"math"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/handwritten"
)

// promise is what a server keeps as long as it is justified.
type promise struct {
	auth             string  // "none": nothing; "required": any credentials; or the kind of them
	tls              bool    // false: nothing
	maxAmplification float64 // BAF; NaN: not given

	hasAuth, hasTLS bool // as written
}

var (
	promiseKeys = []string{"auth", "tls", "max_amplification"}
	authWords   = []string{"none", "required", string(exposure.AuthASCII), string(exposure.AuthSASL), string(exposure.AuthCert)}
)

// promise reads the constraints. Keys that mean nothing are the file's
// mistakes, values those of the justification.
func (f *policyFile) promise(key, value *yaml.Node, own *policyFile) promise {
	p := promise{auth: "none", maxAmplification: math.NaN()}
	if value.Kind != yaml.MappingNode {
		own.Refuse(key, "constraints are no mapping: %s", fillIn("constraints"))
		return p
	}
	seen := f.Mapping(value, func(key, value *yaml.Node) {
		switch key.Value {
		case "auth":
			p.auth = own.oneOf(key, value, authWords)
		case "tls":
			p.tls = own.oneOf(key, value, []string{"true", "false"}) == "true"
		case "max_amplification":
			p.maxAmplification = own.factor(key, value)
		default:
			f.Unknown(key, promiseKeys)
		}
	})
	p.hasAuth, p.hasTLS = seen["auth"], seen["tls"]
	return p
}

// Written plainly, so that it means the same to everybody.
var factorPattern = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,3})?$`)

func (f *policyFile) factor(key, value *yaml.Node) float64 {
	factor, err := strconv.ParseFloat(value.Value, 64)
	if value.Kind != yaml.ScalarNode || err != nil || !factorPattern.MatchString(value.Value) {
		f.Refuse(key, "max_amplification %s: write the largest factor (BAF) as a number, as `max_amplification: 10`", handwritten.Quote(value.Value))
		return math.NaN()
	}
	return factor
}

// fits demands everything that can be promised over a transport, and nothing
// else: what is left out could have been cut off.
func (p promise) fits(t exposure.Transport, f *policyFile, at *yaml.Node) {
	switch {
	case t == exposure.TCP && !(p.hasAuth && p.hasTLS):
		f.Refuse(at, "constraints lack auth or tls: write both, as `constraints: {auth: required, tls: true}`, or none and false for a server that has neither")
	case t == exposure.TCP && !math.IsNaN(p.maxAmplification):
		f.Refuse(at, "constraints: max_amplification is for udp: leave it out")
	case t == exposure.UDP && math.IsNaN(p.maxAmplification):
		f.Refuse(at, "constraints lack max_amplification: write how much may come back at most, as `constraints: {max_amplification: 10}`")
	case t == exposure.UDP && p.tls:
		f.Refuse(at, "constraints: tls does not exist over udp: leave it out")
	}
}

// broken says in what o does not keep the promise. What was not measured does
// not.
func (p promise) broken(o *exposure.Observation) []string {
	var list []string
	if p.auth != "none" && !asks(o, p.auth) {
		list = append(list, fmt.Sprintf("auth: %s was promised, and %s", p.auth, asked(o)))
	}
	if p.tls && (!o.TLS || o.Unconfirmed) {
		list = append(list, "tls: true was promised, and no TLS was seen")
	}
	if o.Transport == exposure.UDP {
		list = append(list, p.exceeded(o)...)
	}
	return list
}

// asks reports whether an endpoint is known to ask for credentials, of any
// kind or of that one.
func asks(o *exposure.Observation, kind string) bool {
	known := o.State == exposure.AuthRequired && (o.Auth == exposure.AuthASCII || o.Auth == exposure.AuthSASL || o.Auth == exposure.AuthCert) ||
		o.State == exposure.TLS && o.Auth == exposure.AuthCert
	return known && !o.Unconfirmed && (kind == "required" || kind == string(o.Auth))
}

func asked(o *exposure.Observation) string {
	switch {
	case o.State == exposure.Open:
		return "it asks for no credentials"
	case asks(o, "required"):
		return "it asks for " + string(o.Auth)
	}
	return "what it asks for is not known"
}

// exceeded holds the measured amplification against the promise. A reply that
// did not come whole, or was an error, may be less than what the server sends.
func (p promise) exceeded(o *exposure.Observation) []string {
	a := o.Amplification
	most := strconv.FormatFloat(p.maxAmplification, 'f', -1, 64)
	switch {
	case a == nil || a.Datagrams == 0:
		return []string{"max_amplification: " + most + " was promised, and the amplification was not measured"}
	case !(a.BAF <= p.maxAmplification):
		return []string{fmt.Sprintf("max_amplification: %s was promised, and ×%.1f was measured", most, a.BAF)}
	case !a.Complete || a.Capped:
		return []string{fmt.Sprintf("max_amplification: %s was promised, and ×%.1f is only a part of what would have come", most, a.BAF)}
	case a.RequestBytes <= 0 || o.Unconfirmed:
		return []string{"max_amplification: " + most + " was promised, and the measurement is not whole"}
	}
	return nil
}

// within reports whether an endpoint shows no more than is expected. Only
// memcached itself can be expected: for anything else somebody has to answer.
func within(e exposure.Expectation, o *exposure.Observation) bool {
	switch o.State {
	case exposure.Open, exposure.AuthRequired, exposure.Full, exposure.TLS:
	default:
		return false
	}
	switch {
	case o.Product != "":
		return false
	case o.Transport == exposure.UDP:
		return e == exposure.ExpectUDP
	case o.Transport != exposure.TCP:
		return false
	}
	switch e {
	case exposure.ExpectUDP, exposure.ExpectOpen:
		return true
	case exposure.ExpectAuth:
		return asks(o, "required")
	}
	return false
}
