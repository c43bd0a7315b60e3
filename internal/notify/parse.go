package notify

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/internal/handwritten"
)

// kind is a way to tell somebody.
type kind struct {
	name  string
	keys  []string // besides commonKeys
	batch int      // unless the target says another
	open  func(*targetFile, *Target) carrier
}

// kinds lists the kinds. What people read is made of many events at once, and
// shows the worst of them.
func kinds() []kind {
	return []kind{
		{"webhook", []string{"url", "url_file", "url_env", "secret_file", "secret_env", "token_file", "token_env", "content_type", "ca_file", "insecure", "proxy"}, 100, openWebhook},
		{"slack", []string{"url_file", "url_env", "ca_file", "insecure", "proxy"}, maxBatch, openSlack},
		{"teams", []string{"url_file", "url_env", "ca_file", "insecure", "proxy"}, maxBatch, openTeams},
		{"mail", []string{"server", "tls", "from", "to", "user", "password_file", "password_env", "ca_file"}, maxBatch, openMail},
		{"syslog", []string{"server", "tls", "facility", "ca_file"}, 100, openSyslog},
		{"command", []string{"command"}, 100, openCommand},
	}
}

func kindNames() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

var (
	commonKeys = []string{"name", "kind", "only", "batch", "wait", "timeout", "give_up_after", "page", "template", "template_file"}
	onlyKeys   = []string{"kinds", "at_least", "vantages", "owners", "jobs", "runs"}
	// What holds a secret is never written down beside what may be read by all.
	inlineSecrets = []string{"secret", "password", "token"}
)

const maxTargets, maxBatch = 100, 1000

// ParseTargets reads the list under the configuration's key notify. What is
// wrong goes to f, with its line. Paths are relative to the folder dir. Secrets
// and templates are read too, so that a mistake shows before it matters; a
// secret is read again at each attempt.
func ParseTargets(f *handwritten.File, key, list *yaml.Node, dir string) []Target {
	if !handwritten.IsList(list) {
		f.Refuse(key, "notify is not a list: write each target as `- name: soc`")
		return nil
	}
	if len(list.Content) > maxTargets {
		f.Refuse(key, "notify has more than %d targets: write fewer, and let one of them pass it on", maxTargets)
		return nil
	}
	var targets []Target
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode {
			f.Refuse(item, "notify: not a target: write `- name: soc`, and below it `kind: webhook`")
			continue
		}
		p := &targetFile{File: f, dir: dir, item: item, nodes: map[string]pair{}}
		t := p.read()
		if slices.ContainsFunc(targets, func(other Target) bool { return t.Name != "" && other.Name == t.Name }) {
			f.Refuse(item, "target %s stands twice: what was told is remembered by the name, so give each its own", handwritten.Quote(t.Name))
		}
		targets = append(targets, t)
	}
	return targets
}

type pair struct{ key, value *yaml.Node }

// targetFile is one target while it is read.
type targetFile struct {
	*handwritten.File
	dir   string
	item  *yaml.Node
	nodes map[string]pair
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

func (p *targetFile) read() Target {
	p.Mapping(p.item, func(key, value *yaml.Node) { p.nodes[key.Value] = pair{key, value} })
	t := Target{Name: p.word("name"), Kind: p.word("kind")}
	if !namePattern.MatchString(t.Name) {
		p.Refuse(p.at("name"), "a target needs a name of letters, digits, - and _: write `name: soc`")
	}
	at := slices.IndexFunc(kinds(), func(k kind) bool { return k.name == t.Kind })
	if at < 0 {
		p.Refuse(p.at("kind"), "kind %s: write one of %s", handwritten.Quote(t.Kind), strings.Join(kindNames(), ", "))
		return t
	}
	k := kinds()[at]
	p.known(k)
	t.Only = p.only()
	t.Batch = p.number("batch", k.batch, 1, maxBatch)
	t.Wait = p.duration("wait", time.Minute, 0, 24*time.Hour)
	t.timeout = p.duration("timeout", 30*time.Second, 100*time.Millisecond, 10*time.Minute)
	t.giveUp = p.duration("give_up_after", 72*time.Hour, time.Minute, 90*24*time.Hour)
	t.page = p.page()
	t.carrier = k.open(p, &t)
	return t
}

// known refuses keys that mean nothing, and those that would hold a secret.
func (p *targetFile) known(k kind) {
	all := slices.Concat(commonKeys, k.keys)
	for i := 0; i+1 < len(p.item.Content); i += 2 {
		key := p.item.Content[i]
		switch {
		case slices.Contains(all, key.Value):
		case key.Value == "url" && slices.Contains(k.keys, "url_file"):
			p.Refuse(key, "the url of a %s target is a secret, for who knows it can write there, and this file may be read by others: write url_file or url_env instead", k.name)
		case slices.Contains(inlineSecrets, key.Value):
			p.Refuse(key, "%s: a secret does not stand in this file, which may be read by others: write %[1]s_file: PATH or %[1]s_env: NAME instead", key.Value)
		default:
			p.Unknown(key, all)
		}
	}
}

// page reads where `memsweep serve` can be reached by those who are told.
func (p *targetFile) page() string {
	text := strings.TrimRight(p.word("page"), "/")
	u, err := url.Parse(text)
	if text != "" && (err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(text, "?#") || u.Scheme != "https" && u.Scheme != "http") {
		p.Refuse(p.at("page"), "page: not a page's address: write it as `page: https://memsweep.example.net`")
	}
	return text
}

// at is where a key stands, or the whole target.
func (p *targetFile) at(name string) *yaml.Node {
	if n, ok := p.nodes[name]; ok {
		return n.key
	}
	return p.item
}

func (p *targetFile) has(name string) bool { return p.nodes[name].key != nil }

// word reads a line of text; "" when there is none.
func (p *targetFile) word(name string) string {
	n, ok := p.nodes[name]
	if !ok {
		return ""
	}
	return p.Text(n.key, n.value)
}

// oneOf reads one of a few words; the first when there is none.
func (p *targetFile) oneOf(name string, words ...string) string {
	text := p.word(name)
	if !p.has(name) {
		return words[0]
	}
	if !slices.Contains(words, text) {
		p.Refuse(p.at(name), "%s %s: write one of %s", name, handwritten.Quote(text), strings.Join(words, ", "))
	}
	return text
}

func (p *targetFile) number(name string, without, least, most int) int {
	if !p.has(name) {
		return without
	}
	n, err := strconv.Atoi(p.word(name))
	if err != nil || n < least || n > most {
		p.Refuse(p.at(name), "%s: write a number from %d to %d", name, least, most)
	}
	return n
}

func (p *targetFile) duration(name string, without, least, most time.Duration) time.Duration {
	if !p.has(name) {
		return without
	}
	d, err := time.ParseDuration(p.word(name))
	if err != nil || d < least || d > most {
		p.Refuse(p.at(name), "%s %s: write a time from %s to %s, as `%[1]s: %[5]s`", name, handwritten.Quote(p.word(name)), least, most, without)
	}
	return d
}

// words reads a list of texts; one text is a list of one.
func (p *targetFile) words(n pair, form string) (list []string) {
	items := []*yaml.Node{n.value}
	if handwritten.IsList(n.value) {
		items = n.value.Content
	}
	for _, item := range items {
		if text := p.Text(n.key, item); text != "" {
			list = append(list, text)
		}
	}
	if len(list) == 0 {
		p.Refuse(n.key, "%s is empty: write %s, or leave it out", n.key.Value, form)
	}
	return list
}

// path makes a path of the configuration absolute.
func (p *targetFile) path(path string) string { return handwritten.Beside(p.dir, path) }

// only reads the filter.
func (p *targetFile) only() (f Filter) {
	n, ok := p.nodes["only"]
	if !ok {
		return f
	}
	if n.value.Kind != yaml.MappingNode {
		p.Refuse(n.key, "only is no mapping: write `only: {kinds: [new, worse], at_least: high}`")
		return f
	}
	inner := &targetFile{File: p.File, item: n.value, nodes: map[string]pair{}}
	p.Mapping(n.value, func(key, value *yaml.Node) {
		inner.nodes[key.Value] = pair{key, value}
		at := pair{key, value}
		switch key.Value {
		case "kinds":
			f.Kinds = p.changeKinds(at)
		case "at_least":
			f.AtLeast = p.severity(at)
		case "vantages":
			f.Vantages = p.words(at, "names as `vantages: [internet]`")
		case "owners":
			f.Owners = p.words(at, "names as `owners: [payments]`")
		case "jobs":
			f.Jobs = p.words(at, "names as `jobs: [dmz]`")
		case "runs":
			f.NoRuns = inner.oneOf("runs", "true", "false") == "false"
		default:
			p.Unknown(key, onlyKeys)
		}
	})
	return f
}

func (p *targetFile) changeKinds(n pair) (list []life.Kind) {
	known := []life.Kind{life.New, life.Fixed, life.Worse, life.Better, life.Changed}
	for _, word := range p.words(n, "kinds as `kinds: [new, worse]`") {
		if !slices.Contains(known, life.Kind(word)) {
			p.Refuse(n.key, "kinds %s: write some of new, fixed, worse, better, changed", handwritten.Quote(word))
		}
		list = append(list, life.Kind(word))
	}
	return list
}

func (p *targetFile) severity(n pair) exposure.Severity {
	s, err := exposure.ParseSeverity(p.Text(n.key, n.value))
	if err != nil {
		p.Refuse(n.key, "at_least: write one of critical, high, medium, low, info")
	}
	return s
}

// maxConfig is the largest configuration that is read, in bytes.
const maxConfig = 4 << 20

// Read reads the targets of a configuration, and nothing else of it: a target
// can be tried while the jobs are still being written.
func Read(path string) ([]Target, error) {
	data, err := handwritten.Read(path, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if len(data) > maxConfig {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxConfig)
	}
	f := &handwritten.File{Path: path, Kind: "configuration", Template: "memsweep run --example"}
	root, err := f.Document(data)
	if err != nil {
		return nil, err
	}
	var targets []Target
	seen := f.Mapping(root, func(key, value *yaml.Node) {
		if key.Value == "notify" {
			targets = ParseTargets(f, key, value, filepath.Dir(path))
		}
	})
	if !seen["notify"] {
		f.Refuse(root, "notify is missing: write whom to tell, as `notify: [{name: soc, kind: webhook, url: …, secret_file: …}]`")
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	return targets, nil
}
