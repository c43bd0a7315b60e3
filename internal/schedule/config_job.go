package schedule

import (
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/handwritten"
	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/report"
	"github.com/memsweep/memsweep/scanner"
	"github.com/memsweep/memsweep/targets"
)

// Job is one sweep that is made again and again.
type Job struct {
	Name         string
	Line         int // of the file
	Enabled      bool
	Targets      []string
	Lists        []string // files
	Exclude      []string
	ExcludeFiles []string
	Scope        string // a file; "": free space only
	Policy       string // a file; "": none
	Vantage      exposure.Vantage
	Plan         []string // flags of scan that are part of the plan
	Limits       []string // flags of scan that a resumed sweep is given again
	Reports      []Report
	When         When
	CatchUp      bool

	rate  float64 // 0: not given
	count uint64  // 0: not given
	nodes map[string]*yaml.Node
}

// Report is a document that is kept of each run.
type Report struct {
	Format string
	Path   string // with {date} and {time} of the due time; {job} is filled in
}

var jobKeys = []string{
	"targets", "lists", "exclude", "exclude_files", "scope", "policy", "vantage", "engine", "rate", "bandwidth", "tries",
	"timeout", "cooldown", "workers", "port", "probes", "seed", "shard", "count", "min_hitrate", "max_duration",
	"sender", "interface", "source", "fail_on", "reports",
	"every", "at", "cron", "zone", "jitter", "blackout", "catch_up", "enabled",
}

func (c *configFile) job(key, body *yaml.Node) Job {
	j := Job{Name: key.Value, Line: key.Line, Enabled: true, nodes: map[string]*yaml.Node{}}
	j.Vantage.Trust = exposure.Untrusted
	j.When.Zone = c.zone
	c.Mapping(body, func(key, value *yaml.Node) {
		j.nodes[key.Value] = key
		if c.what(&j, key, value) || c.how(&j, key, value) || c.when(&j, key, value) {
			return
		}
		c.unknown(key, jobKeys)
	})
	if j.nodes["targets"] == nil && j.nodes["lists"] == nil {
		c.Refuse(key, "job %s: nothing to sweep: write targets or lists, as `targets: [10.20.0.0/16]`", j.Name)
	}
	if j.Vantage.Name == "" {
		j.Vantage.Name = c.reading.Host
	}
	c.finishWhen(key, &j)
	c.check(&j)
	return j
}

// what reads what is swept, from where, and what is kept of it.
func (c *configFile) what(j *Job, key, value *yaml.Node) bool {
	switch key.Value {
	case "targets":
		j.Targets = c.specs(key, value, targets.Parse)
	case "exclude":
		j.Exclude = c.specs(key, value, targets.ParseExclude)
	case "lists":
		j.Lists = c.files(key, value, "office.txt")
	case "exclude_files":
		j.ExcludeFiles = c.files(key, value, "printers.txt")
	case "scope":
		j.Scope = c.file(key, value)
	case "policy":
		j.Policy = c.file(key, value)
	case "vantage":
		c.vantage(j, key, value)
	case "reports":
		c.reports(j, key, value)
	case "catch_up":
		j.CatchUp = c.boolean(key, value)
	case "enabled":
		j.Enabled = c.boolean(key, value)
	default:
		return false
	}
	return true
}

// specs are targets or excludes, each as `memsweep scan` reads it.
func (c *configFile) specs(key, value *yaml.Node, parse func(string) (targets.Spec, error)) (list []string) {
	for _, item := range c.items(key, value, "10.20.0.0/16") {
		for _, text := range strings.FieldsFunc(item.Value, func(r rune) bool { return r == ',' || r == ' ' }) {
			if _, err := parse(text); err != nil {
				c.Refuse(item, "%v", err)
				continue
			}
			list = append(list, text)
		}
	}
	return list
}

func (c *configFile) files(key, value *yaml.Node, form string) (list []string) {
	for _, item := range c.items(key, value, form) {
		at := *key
		at.Line = item.Line
		list = append(list, c.file(&at, item))
	}
	return list
}

var vantageKeys = []string{"name", "trust"}

func (c *configFile) vantage(j *Job, key, value *yaml.Node) {
	if !c.isMapping(key, value, "name: internet") {
		return
	}
	c.Mapping(value, func(key, value *yaml.Node) {
		switch key.Value {
		case "name":
			j.Vantage.Name = c.word(key, value)
		case "trust":
			j.Vantage.Trust = exposure.Trust(c.oneOf(key, value, string(exposure.Untrusted), string(exposure.SemiTrusted), string(exposure.Trusted)))
		default:
			c.unknown(key, vantageKeys)
		}
	})
}

func (c *configFile) reports(j *Job, key, value *yaml.Node) {
	for _, item := range c.items(key, value, `"html=reports/{job}-{date}.html"`) {
		format, path, ok := strings.Cut(item.Value, "=")
		if !ok || format == "" || path == "" || path == "-" {
			c.Refuse(item, "reports %s: write FORMAT=FILE in quotes, as \"html=reports/{job}-{date}.html\"", handwritten.Quote(item.Value))
			continue
		}
		if _, err := report.ByName(format); err != nil {
			c.Refuse(item, "reports: %v", err)
			continue
		}
		path = c.path(strings.ReplaceAll(path, "{job}", j.Name))
		if rest := strings.NewReplacer("{date}", "", "{time}", "").Replace(path); strings.ContainsAny(rest, "{}") {
			c.Refuse(item, "reports %s: write {job}, {date} and {time}: nothing else is filled in", handwritten.Quote(item.Value))
		} else if strings.Contains(filepath.Dir(path), "{") {
			c.Refuse(item, "reports %s: {date} and {time} may stand in the file's name only: folders are not made", handwritten.Quote(item.Value))
		} else {
			at := *key
			at.Line = item.Line
			c.folder(&at, path)
		}
		j.Reports = append(j.Reports, Report{Format: format, Path: path})
	}
}

// how reads flags of `memsweep scan`, under the same names and limits.
func (c *configFile) how(j *Job, key, value *yaml.Node) bool {
	plan := func(flag, text string) { j.Plan = append(j.Plan, "--"+flag, text) }
	limit := func(flag, text string) { j.Limits = append(j.Limits, "--"+flag, text) }
	switch key.Value {
	case "engine":
		plan("engine", c.oneOf(key, value, scanner.Engines()...))
	case "rate":
		j.rate = c.number(key, value, 1, scanner.MaxRate)
		plan("rate", strconv.FormatFloat(j.rate, 'f', -1, 64))
	case "bandwidth":
		plan("bandwidth", c.matching(key, value, bandwidth, "500K, 10M or 1G, in bits a second"))
	case "tries":
		plan("tries", c.wholeText(key, value, 1, scanner.MaxTries))
	case "timeout":
		plan("timeout", c.duration(key, value, 10*time.Millisecond, scanner.MaxTimeout, "1s").String())
	case "cooldown":
		plan("cooldown", c.duration(key, value, 0, scanner.MaxCooldown, "2s").String())
	case "workers":
		plan("workers", c.wholeText(key, value, 1, scanner.MaxWorkers))
	case "port":
		plan("port", c.wholeText(key, value, 1, math.MaxUint16))
	case "probes":
		c.probes(j, key, value)
	case "seed":
		plan("seed", c.wholeText(key, value, 0, math.MaxUint64))
	case "shard":
		if text, ok := c.scalar(key, value, "1/4"); ok {
			if _, err := targets.ParseShard(text); err != nil {
				c.Refuse(key, "%v", err)
			}
			plan("shard", text)
		}
	case "count":
		j.count = c.whole(key, value, 1, math.MaxUint64)
	case "min_hitrate":
		limit("min-hitrate", strconv.FormatFloat(c.number(key, value, 0, 1), 'f', -1, 64))
	case "max_duration":
		limit("max-duration", c.duration(key, value, time.Second, 365*24*time.Hour, "6h").String())
	case "sender":
		limit("sender", c.oneOf(key, value, "auto", "xdp", "packet"))
	case "interface", "source":
		limit(key.Value, c.matching(key, value, name, "eth0 or 192.0.2.7"))
	case "fail_on":
		limit("fail-on", c.oneOf(key, value, "critical", "high", "medium", "low", "info", "never"))
	default:
		return false
	}
	return true
}

var (
	bandwidth = regexp.MustCompile(`^[0-9]{1,12}[kKmMgG]?$`)
	name      = regexp.MustCompile(`^[0-9a-zA-Z][0-9a-zA-Z:._@-]{0,63}$`)
)

func (c *configFile) matching(key, value *yaml.Node, form *regexp.Regexp, example string) string {
	text, ok := c.scalar(key, value, example)
	if ok && !form.MatchString(text) {
		c.Refuse(key, "%s %s: write for example %s", key.Value, handwritten.Quote(text), example)
	}
	return text
}

func (c *configFile) wholeText(key, value *yaml.Node, low, high uint64) string {
	return strconv.FormatUint(c.whole(key, value, low, high), 10)
}

func (c *configFile) probes(j *Job, key, value *yaml.Node) {
	for _, item := range c.items(key, value, "udp") {
		known := false
		for _, p := range probes.All() {
			known = known || p.Name == item.Value || strings.HasSuffix(p.Name, "-"+item.Value)
		}
		if !known {
			c.Refuse(item, "unknown probe %s: `memsweep probes` lists them", handwritten.Quote(item.Value))
			continue
		}
		j.Plan = append(j.Plan, "--probe", item.Value)
	}
}
