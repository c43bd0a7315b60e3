package targets

import (
	"errors"
	"fmt"
	"strings"
)

// maxText is longer than any target: a host name has at most 253 bytes.
const maxText = 255

// checkPasted refuses what is commonly pasted where a target is meant, and
// says what to write instead.
func checkPasted(text string) error {
	switch {
	case text == "":
		return errors.New("empty: write a CIDR, an address, a range or a host name")
	case len(text) > maxText:
		return fmt.Errorf("longer than %d bytes: write one target at a time", maxText)
	case strings.ContainsAny(text, " \t\r\n,"):
		return errors.New("blanks or commas inside: write one target at a time, and a range as 10.0.0.1-10.0.0.20")
	case text == "-":
		return errors.New("a lone hyphen: write a range without blanks, as 10.0.0.1-10.0.0.20")
	case strings.Contains(text, "://"):
		return adviseHost("a URL", text)
	case strings.HasPrefix(text, "["):
		return adviseHost("brackets", text)
	case strings.Contains(text, "%"):
		return errors.New("a zone: a report must mean the same on every machine: write the address without % and what follows")
	case strings.Contains(text, "*"):
		return errors.New("a wildcard: write a CIDR, as 10.0.0.0/24")
	}
	return nil
}

// adviseHost names the host inside what was pasted, when there is one.
func adviseHost(what, text string) error {
	if host := hostInside(text); isAddr(host) || checkHost(host) == nil {
		return fmt.Errorf("%s: write %s alone", what, host)
	}
	return fmt.Errorf("%s: write the host name or address alone", what)
}

// hostInside cuts scheme, user, port and path away.
func hostInside(text string) string {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
	}
	if end := strings.IndexAny(text, "/?#"); end >= 0 {
		text = text[:end]
	}
	text = text[strings.LastIndexByte(text, '@')+1:]
	if inside, ok := strings.CutPrefix(text, "["); ok {
		inside, _, _ = strings.Cut(inside, "]")
		return inside
	}
	if strings.Count(text, ":") == 1 {
		text, _, _ = strings.Cut(text, ":")
	}
	return text
}

// checkHost reports what keeps text from being a host name (RFC 1123 section
// 2.1, and underscores, which service names in use have). Its last label is
// never a number: that would be a mistyped address.
func checkHost(text string) error {
	const advice = "write a name as in cache1.example.com"
	labels := strings.Split(strings.TrimSuffix(text, "."), ".")
	for _, label := range labels {
		switch {
		case label == "":
			return errors.New("a host name with an empty label: " + advice)
		case len(label) > 63:
			return errors.New("a host name with a label of more than 63 bytes: " + advice)
		case label[0] == '-' || label[len(label)-1] == '-':
			return errors.New("a host name whose label begins or ends with a hyphen: " + advice)
		}
	}
	for _, c := range text {
		switch {
		case c > 0x7f:
			return errors.New("a host name outside ASCII: write its xn-- form, without blanks and quotes")
		case !isHostByte(byte(c)):
			return fmt.Errorf("neither an address nor a host name, because of %q: %s", c, advice)
		}
	}
	last := labels[len(labels)-1]
	if len(labels) > 1 && strings.Contains(last, "-") && strings.Trim(last, "0123456789-") == "" {
		return errors.New("ranges inside an address: write a CIDR, as 10.0.0.0/24, or one range, as 10.0.0.1-10.0.0.20")
	}
	if isDigits(last) || strings.HasPrefix(strings.ToLower(last), "0x") {
		return errors.New("not an address: write all four numbers in decimal, as in 192.0.2.7")
	}
	if len(strings.TrimSuffix(text, ".")) > 253 {
		return errors.New("a host name of more than 253 bytes: " + advice)
	}
	return nil
}

func isHostByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_'
}
