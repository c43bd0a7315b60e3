package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/handwritten"
	"github.com/memsweep/memsweep/targets"
)

// maxFile is the largest policy that is read, in bytes.
const maxFile = 4 << 20

// Read reads a policy file. All of its errors are reported, up to ten.
//
// What is wrong with a single justification, where it is clear what it is for,
// is no error: it holds for nothing, Judge says so beside the finding, and so
// does Review.
func Read(path string) (*Policy, error) {
	data, err := handwritten.Read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return Parse(data, path)
}

// Parse reads the bytes of a policy file, which errors call path.
func Parse(data []byte, path string) (*Policy, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes: write neighbouring addresses as CIDRs", path, maxFile)
	}
	sum := sha256.Sum256(data)
	f := policyFile{
		File:   newFile(path),
		policy: &Policy{Path: path, SHA256: hex.EncodeToString(sum[:]), expected: map[netip.Prefix]expectation{}, byRange: map[netip.Prefix][]int{}},
	}
	root, err := f.Document(data)
	if err != nil {
		return nil, err
	}
	// A line that was cut off may still mean something, but something else.
	if !bytes.HasSuffix(data, []byte("\n")) {
		return nil, fmt.Errorf("%s:%d: the last line has no end, as if the file had been cut off: end it with a newline", path, 1+bytes.Count(data, []byte("\n")))
	}
	f.read(root)
	if err := f.Err(); err != nil {
		return nil, err
	}
	return f.policy, nil
}

func newFile(path string) handwritten.File {
	return handwritten.File{Path: path, Kind: "policy", Template: "memsweep policy init REPORT"}
}

// policyFile is a policy while it is read.
type policyFile struct {
	handwritten.File
	policy *Policy
}

var (
	policyKeys = []string{"expect", "justifications"}
	expectKeys = []string{"range", "trusted", "semi-trusted", "untrusted"}
)

// read demands both lists, and in this order: what a file that was cut off
// lacks is then justifications alone, and never an expectation that is
// stricter than those before it.
func (f *policyFile) read(root *yaml.Node) {
	var expectLine, justificationsLine int
	seen := f.Mapping(root, func(key, value *yaml.Node) {
		switch key.Value {
		case "expect":
			expectLine = key.Line
			f.each(key, value, "an expectation as `- range: 10.0.0.0/8`", f.expect)
		case "justifications":
			justificationsLine = key.Line
			f.each(key, value, "a justification as `- match: {…}`", f.justification)
		default:
			f.Unknown(key, policyKeys)
		}
	})
	for _, key := range policyKeys {
		if !seen[key] {
			f.Refuse(root, "%s is missing: write `%s: []` if there are none, so that a file that was cut off is not taken for a whole one", key, key)
		}
	}
	if seen["expect"] && seen["justifications"] && justificationsLine < expectLine {
		f.Add(fmt.Errorf("%s:%d: expect stands after justifications: write it before them, so that a file that was cut off is not taken for a whole one", f.Path, expectLine))
	}
}

// each hands the members of a list of mappings to read.
func (f *policyFile) each(key, list *yaml.Node, form string, read func(*yaml.Node)) {
	if !handwritten.IsList(list) {
		f.Refuse(key, "%s is not a list: write each %s", key.Value, form)
		return
	}
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode {
			f.Refuse(item, "%s: not a mapping: write %s", key.Value, form)
			continue
		}
		read(item)
	}
}

func (f *policyFile) expect(item *yaml.Node) {
	e := expectation{line: item.Line, from: map[exposure.Trust]exposure.Expectation{}}
	var where netip.Prefix
	seen := f.Mapping(item, func(key, value *yaml.Node) {
		switch key.Value {
		case "range":
			where = f.prefix(key, value)
		case "trusted", "semi-trusted", "untrusted":
			e.from[exposure.Trust(key.Value)] = exposure.Expectation(f.oneOf(key, value, expectations))
		default:
			f.Unknown(key, expectKeys)
		}
	})
	switch {
	case !seen["range"]:
		f.Refuse(item, "range is missing: write the CIDR that this is about, as `range: 10.0.0.0/8`")
	case len(e.from) == 0:
		f.Refuse(item, "nothing is expected: write what may be reached from where, as `trusted: auth`")
	}
	if !where.IsValid() {
		return
	}
	if before, ok := f.policy.expected[where]; ok {
		f.Refuse(item, "range %s stands in line %d already: write one expectation a range", where, before.line)
		return
	}
	f.policy.expected[where] = e
}

// expectations are the values of an expectation, the strictest first.
var expectations = []string{
	string(exposure.ExpectNone), string(exposure.ExpectAuth), string(exposure.ExpectOpen), string(exposure.ExpectUDP),
}

// prefix reads one CIDR or address; it is not valid when there is none.
func (f *policyFile) prefix(key, value *yaml.Node) netip.Prefix {
	if value.Kind != yaml.ScalarNode {
		f.Refuse(key, "%s: not a CIDR: write one, in quotes, as `%s: \"2001:db8::/32\"`", key.Value, key.Value)
		return netip.Prefix{}
	}
	prefix, err := targets.ParsePrefix(value.Value)
	if err != nil {
		f.Refuse(key, "%s %s: %v", key.Value, handwritten.Quote(value.Value), err)
	}
	return prefix
}

// oneOf reads one of a few words.
func (f *policyFile) oneOf(key, value *yaml.Node, words []string) string {
	if value.Kind != yaml.ScalarNode || !slices.Contains(words, value.Value) {
		f.Refuse(key, "%s %s: write one of %s", key.Value, handwritten.Quote(value.Value), strings.Join(words, ", "))
		return ""
	}
	return value.Value
}
