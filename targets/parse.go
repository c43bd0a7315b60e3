package targets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"go4.org/netipx"

	"github.com/memsweep/memsweep/internal/handwritten"
)

// Spec is one target or exclude as it was written: a host name, still to be
// resolved, or a range of addresses.
type Spec struct {
	Host  string         // lower case; "" when Range is set
	Range netipx.IPRange // one address, a prefix, or any other range
}

// String returns the shortest text that parses to the same Spec.
func (s Spec) String() string {
	if s.Host != "" {
		return s.Host
	}
	if p, ok := s.Range.Prefix(); ok {
		return brief(p)
	}
	return s.Range.String()
}

// brief writes a prefix of one address without its length.
func brief(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// Parse reads one target: a CIDR (10.20.0.0/16), an address, a range
// (10.0.0.1-10.0.0.20 or 10.0.0.1-20) or a host name. It refuses what no
// sweep may ask: addresses that are not unicast, and IPv6 ranges of more than
// 2^20 addresses.
func Parse(text string) (Spec, error) {
	spec, err := parseSpec(text)
	if err == nil && spec.Host == "" {
		err = sweepable(spec.Range)
	}
	if err != nil {
		return Spec{}, fmt.Errorf("target %s: %w", handwritten.Quote(text), err)
	}
	return spec, nil
}

// ParseExclude reads one exclude: the forms of Parse, of any width and in any
// space.
func ParseExclude(text string) (Spec, error) {
	spec, err := parseSpec(text)
	if err != nil {
		return Spec{}, fmt.Errorf("exclude %s: %w", handwritten.Quote(text), err)
	}
	return spec, nil
}

// ParsePrefix reads one CIDR or address of any space; IPv4-mapped IPv6 becomes
// IPv4. Its errors lack the subject, which callers add.
func ParsePrefix(text string) (netip.Prefix, error) {
	spec, err := parseSpec(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	if spec.Host != "" {
		return netip.Prefix{}, errors.New("a host name, whose meaning others can change: write its address")
	}
	p, ok := spec.Range.Prefix()
	if !ok {
		return netip.Prefix{}, errors.New("a range that is no CIDR: write it as several, as 10.0.0.0/24")
	}
	return p, nil
}

// parseSpec reads any form. Its errors lack the subject, which callers add.
func parseSpec(text string) (Spec, error) {
	if err := checkPasted(text); err != nil {
		return Spec{}, err
	}
	if addr, length, ok := strings.Cut(text, "/"); ok {
		p, err := parsePrefix(addr, length)
		return Spec{Range: netipx.RangeOfPrefix(p)}, err
	}
	if from, to, ok := cutRange(text); ok {
		r, err := parseRange(from, to)
		return Spec{Range: r}, err
	}
	if looksNumeric(text) {
		addr, err := parseAddr(text)
		return Spec{Range: netipx.IPRangeFrom(addr.Unmap(), addr.Unmap())}, err
	}
	if err := checkHost(text); err != nil {
		return Spec{}, err
	}
	return Spec{Host: strings.ToLower(text)}, nil
}

// looksNumeric tells an address, perhaps a wrong one, from a host name.
func looksNumeric(text string) bool {
	return strings.Contains(text, ":") || strings.Trim(text, "0123456789.") == ""
}

// cutRange splits a-b. A hyphen in a host name splits nothing: both sides of
// a range look like addresses, and the left one like a whole one.
func cutRange(text string) (from, to string, ok bool) {
	from, to, ok = strings.Cut(text, "-")
	ok = ok && strings.ContainsAny(from, ".:") && looksNumeric(from) && looksNumeric(to)
	return from, to, ok
}

// parseAddr reads one address. It keeps the IPv4-mapped form, because the
// length of a prefix depends on it.
func parseAddr(text string) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr, nil
	}
	host, port, _ := strings.Cut(text, ":")
	if port != "" && isDigits(port) {
		if checkHost(host) == nil || isAddr(host) {
			return netip.Addr{}, fmt.Errorf("a port is given: write %s without it", host)
		}
	}
	if strings.Contains(text, ":") {
		return netip.Addr{}, errors.New("not an IPv6 address: write it as in 2001:db8::1")
	}
	if plain := trimZeros(text); plain != text && isAddr(plain) {
		return netip.Addr{}, fmt.Errorf("a leading zero, which some programs read as octal: write %s if that is meant", plain)
	}
	return netip.Addr{}, errors.New("not an IPv4 address: write four numbers from 0 to 255, as in 192.0.2.7")
}

// isAddr reports whether text is an address, and thus safe to print: a zone
// may hold any byte.
func isAddr(text string) bool {
	addr, err := netip.ParseAddr(text)
	return err == nil && addr.Zone() == ""
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// trimZeros drops the leading zeros of each octet.
func trimZeros(text string) string {
	octets := strings.Split(text, ".")
	for i, octet := range octets {
		octets[i] = strings.TrimLeft(octet, "0")
		if octets[i] == "" && octet != "" {
			octets[i] = "0"
		}
	}
	return strings.Join(octets, ".")
}

// parsePrefix reads the two halves of a CIDR.
func parsePrefix(addrText, lengthText string) (netip.Prefix, error) {
	if !looksNumeric(addrText) && checkHost(addrText) == nil {
		return netip.Prefix{}, fmt.Errorf("a host name with a path or length: write %s alone", addrText)
	}
	addr, err := parseAddr(addrText)
	if err != nil {
		return netip.Prefix{}, err
	}
	if ones, ok := netmaskLength(lengthText); ok && addr.Is4() {
		return netip.Prefix{}, fmt.Errorf("a netmask: write %s/%d", addr, ones)
	}
	length, err := strconv.ParseUint(lengthText, 10, 8)
	if err != nil || length > uint64(addr.BitLen()) || strconv.FormatUint(length, 10) != lengthText {
		return netip.Prefix{}, fmt.Errorf("not a prefix length: write a number from 0 to %d after the slash", addr.BitLen())
	}
	return canonicalPrefix(netip.PrefixFrom(addr, int(length)))
}

// netmaskLength reads a contiguous netmask, such as 255.255.255.0, as a length.
func netmaskLength(text string) (int, bool) {
	mask, err := netip.ParseAddr(text)
	if err != nil || !mask.Is4() {
		return 0, false
	}
	b := mask.As4()
	ones := bits.LeadingZeros32(^binary.BigEndian.Uint32(b[:]))
	return ones, binary.BigEndian.Uint32(b[:])<<ones == 0
}

// canonicalPrefix unmaps p and refuses host bits: what they mean, the host or
// its network, only the user knows.
func canonicalPrefix(p netip.Prefix) (netip.Prefix, error) {
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, errors.New("an IPv4-mapped address with a length below 96: write the IPv4 prefix")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p.Masked() != p {
		return netip.Prefix{}, fmt.Errorf("host bits are set: write %s for the network or %s for the host", brief(p.Masked()), p.Addr())
	}
	return p, nil
}

// parseRange reads the two ends of a-b; b may be the last octet alone.
func parseRange(fromText, toText string) (netipx.IPRange, error) {
	from, err := parseAddr(fromText)
	if err != nil {
		return netipx.IPRange{}, err
	}
	if from.Is4() && isDigits(toText) {
		toText = fromText[:strings.LastIndexByte(fromText, '.')+1] + toText
	}
	to, err := parseAddr(toText)
	if err != nil {
		return netipx.IPRange{}, fmt.Errorf("the end of the range is %w", err)
	}
	return canonicalRange(from.Unmap(), to.Unmap())
}

// canonicalRange checks that from and to, unmapped and without zones, are
// the two ends of one range.
func canonicalRange(from, to netip.Addr) (netipx.IPRange, error) {
	r := netipx.IPRangeFrom(from, to)
	switch {
	case from.BitLen() != to.BitLen():
		return netipx.IPRange{}, errors.New("the two ends are IPv4 and IPv6: write two ranges")
	case !r.IsValid():
		return netipx.IPRange{}, fmt.Errorf("reversed: write %s-%s", to, from)
	}
	return r, nil
}

// prefixRange returns the range of a prefix that did not come from parseSpec.
func prefixRange(p netip.Prefix) (netipx.IPRange, error) {
	if !p.IsValid() {
		return netipx.IPRange{}, errors.New("not valid")
	}
	p, err := canonicalPrefix(p)
	return netipx.RangeOfPrefix(p), err
}
