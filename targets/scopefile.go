package targets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
	"go4.org/netipx"

	"github.com/memsweep/memsweep/internal/handwritten"
)

const maxScopeFile = 1 << 20 // bytes

// ReadScope reads a scope file. All of its errors are reported, up to ten.
// Whether the scope has expired is for Check to say.
func ReadScope(path string) (*Scope, error) {
	data, err := handwritten.Read(path, maxScopeFile)
	if err != nil {
		return nil, fmt.Errorf("scope: %w", err)
	}
	return ParseScope(data, path)
}

// ParseScope reads the bytes of a scope file, which errors call path.
func ParseScope(data []byte, path string) (*Scope, error) {
	if len(data) > maxScopeFile {
		return nil, fmt.Errorf("%s: larger than %d bytes: write neighbouring addresses as CIDRs", path, maxScopeFile)
	}
	sum := sha256.Sum256(data)
	f := scopeFile{
		File:  handwritten.File{Path: path, Kind: "scope", Template: "memsweep scope init RANGE..."},
		scope: Scope{Path: path, SHA256: hex.EncodeToString(sum[:])},
	}
	root, err := f.Document(data)
	if err != nil {
		return nil, err
	}
	f.read(root)
	if err := f.Err(); err != nil {
		return nil, err
	}
	s := f.scope
	s.allowed = freeSpace.Union(s.Allow).Minus(s.Deny)
	return &s, nil
}

// scopeFile is a scope while it is read.
type scopeFile struct {
	handwritten.File
	scope Scope
}

// scopeKeys are the keys of a scope file, in the order of the template.
var scopeKeys = []string{"allow", "deny", "authorised_by", "reference", "valid_until", "max_rate", "contact"}

func (f *scopeFile) read(root *yaml.Node) {
	seen := f.Mapping(root, f.readKey)
	for _, key := range []string{"allow", "authorised_by", "valid_until"} {
		if !seen[key] {
			f.Refuse(root, "%s is missing: %s", key, fillIn(key))
		}
	}
}

func (f *scopeFile) readKey(key, value *yaml.Node) {
	switch key.Value {
	case "allow":
		f.scope.Allow = f.set(key, value)
		if len(value.Content) == 0 && handwritten.IsList(value) {
			f.Refuse(key, "allow is empty: %s", fillIn("allow"))
		}
	case "deny":
		f.scope.Deny = f.set(key, value)
	case "authorised_by":
		f.scope.AuthorisedBy = f.authorisedBy(key, value)
	case "reference":
		f.scope.Reference = f.Text(key, value)
	case "contact":
		f.scope.Contact = f.Text(key, value)
	case "valid_until":
		f.scope.ValidUntil = f.time(key, value)
	case "max_rate":
		f.scope.MaxRate = f.rate(key, value)
	default:
		f.Unknown(key, scopeKeys)
	}
}

// fillIn says what to write for a key that a scope cannot be without.
func fillIn(key string) string {
	switch key {
	case "allow":
		return "write the ranges that you own, one a line, as `- 198.51.100.0/24`"
	case "authorised_by":
		return "fill in who gave the permission, as `authorised_by: Jane Doe, CISO`"
	}
	return "fill in the last day, as `valid_until: 2027-01-31`"
}

// set reads a list of prefixes, ranges and addresses.
func (f *scopeFile) set(key, list *yaml.Node) Set {
	if !handwritten.IsList(list) {
		f.Refuse(key, "%s is not a list: write one range a line, as `- 198.51.100.0/24`", key.Value)
		return Set{}
	}
	var ranges []netipx.IPRange
	for _, item := range list.Content {
		if item.Kind != yaml.ScalarNode {
			f.Refuse(item, "%s: not a range: write it in quotes, as `- \"2001:db8::/32\"`", key.Value)
			continue
		}
		spec, err := parseSpec(item.Value)
		switch {
		case err != nil:
			f.Refuse(item, "%s %s: %v", key.Value, handwritten.Quote(item.Value), err)
		case spec.Host != "":
			f.Refuse(item, "%s %s: a host name, whose meaning others can change: write its addresses", key.Value, handwritten.Quote(item.Value))
		default:
			ranges = append(ranges, spec.Range)
		}
	}
	return setOf(ranges)
}

// authorisedBy reads the one text that must not be empty.
func (f *scopeFile) authorisedBy(key, value *yaml.Node) string {
	text := f.Text(key, value)
	if text == "" && value.Kind == yaml.ScalarNode {
		f.Refuse(key, "authorised_by is empty: %s", fillIn(key.Value))
	}
	return text
}

// time reads a day, which is valid to its end in UTC, or a point in time.
func (f *scopeFile) time(key, value *yaml.Node) time.Time {
	if value.Kind == yaml.ScalarNode {
		if day, err := time.Parse(time.DateOnly, value.Value); err == nil {
			return day.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
		if point, err := time.Parse(time.RFC3339, value.Value); err == nil {
			return point.UTC()
		}
	}
	f.Refuse(key, "valid_until %s: not a date: %s, or a time, as 2027-01-31T18:00:00Z", handwritten.Quote(value.Value), fillIn(key.Value))
	return time.Time{}
}

func (f *scopeFile) rate(key, value *yaml.Node) uint64 {
	if handwritten.IsNull(value) {
		return 0
	}
	rate, err := strconv.ParseUint(value.Value, 10, 64)
	if value.Kind != yaml.ScalarNode || err != nil || rate == 0 {
		f.Refuse(key, "max_rate %s: not a rate: write packets a second as a whole number, as `max_rate: 1000`, or leave the line out", handwritten.Quote(value.Value))
		return 0
	}
	return rate
}
