package audit

import (
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// settings is what `stats settings` of a server with these options says, as
// far as that is certain. Commands that are open only to those with
// credentials are left out where credentials are asked for.
func (o options) settings(version string, state exposure.State) *exposure.Settings {
	inter, protocol := o.inter(), "auto-negotiate"
	if o.protocol != "" && o.protocol != "auto" {
		protocol = o.protocol
	}
	tcp, udp, known := o.ports(version)
	authFile := o.authFile
	if authFile == "" {
		authFile = "no"
	}
	s := &exposure.Settings{
		Inter:            &inter,
		TCPPort:          &tcp,
		MaxConns:         number(o.maxConns, "1024", 1),
		MaxBytes:         number(o.memory, "64", 1<<20),
		ItemSizeMax:      itemSize(o.itemSize),
		Verbosity:        &o.verbosity,
		AuthEnabledSASL:  yes(o.sasl),
		AuthEnabledASCII: &authFile,
		BindingProtocol:  &protocol,
	}
	if known {
		s.UDPPort = &udp
	}
	if o.tls {
		s.SSLEnabled = yes(true)
	}
	if state == exposure.Open {
		s.FlushEnabled, s.DumpEnabled, s.ShutdownCommand = yes(!o.noFlush), yes(!o.noDump), yes(o.shutdown)
	}
	return s
}

func yes(on bool) *string {
	text := "no"
	if on {
		text = "yes"
	}
	return &text
}

// number reads digits, nil for what is none, times unit.
func number(given, byDefault string, unit uint64) *uint64 {
	if given == "" {
		given = byDefault
	}
	if strings.Trim(given, "0123456789") != "" || len(given) > 9 {
		return nil
	}
	n := atoi(given) * unit
	return &n
}

// itemSize reads the argument of -I: bytes, or with a k or m behind.
func itemSize(given string) *uint64 {
	for suffix, unit := range map[string]uint64{"k": 1 << 10, "m": 1 << 20} {
		if digits, ok := strings.CutSuffix(strings.ToLower(given), suffix); ok && digits != "" {
			return number(digits, "", unit)
		}
	}
	return number(given, "1048576", 1)
}
