// Package schedule runs sweeps again and again: it reads the file that says
// which and when, knows their due times, runs each as a child process of its own
// program, and keeps the books in the history.
package schedule

import (
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/memsweep/memsweep/internal/handwritten"
	"github.com/memsweep/memsweep/internal/notify"
)

// maxConfig is the largest file that is read, in bytes.
const maxConfig = 4 << 20

// Config is everything that `memsweep run` does, from one file.
type Config struct {
	Path      string // of the file
	History   string // the history's file
	Instance  string // tells this scheduler from others in a fleet; "": by its host's name
	Parallel  int    // sweeps at once, 1 or more
	Retention time.Duration
	Serve     *Serve   // nil: no page
	Metrics   *Metrics // nil: none of their own
	Notify    []notify.Target
	Jobs      []Job // in the order of the file
	Warnings  []string
}

// fixed are the keys that differ and are not taken over while it runs.
func fixed(was, is *Config) (keys []string) {
	for _, k := range []struct {
		key     string
		was, is any
	}{{"history", was.History, is.History}, {"serve", was.Serve, is.Serve}, {"metrics", was.Metrics, is.Metrics}} {
		if !reflect.DeepEqual(k.was, k.is) {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// Page is where the page is if nothing else is written.
const Page = "127.0.0.1:8411"

// Serve says where the page is.
type Serve struct {
	Listen    string // address:port
	TLSCert   string // a file, PEM; "": none
	TLSKey    string
	TokenFile string
}

// Metrics says where Prometheus may ask.
type Metrics struct{ Listen string }

// Reading is what reading a configuration needs of the world.
type Reading struct {
	Now  time.Time // for what expires
	Host string    // this machine's name, for the spread
	Only bool      // nothing is run: a folder that is not there yet is no mistake, for systemd makes it
}

// Read reads a configuration and everything that it names. All of its errors are
// reported, up to ten, each with its line; what it returns can be run.
func Read(path string, r Reading) (*Config, error) {
	data, err := handwritten.Read(path, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(data, path, r)
}

// Parse reads the bytes of a configuration, which errors call path. The files
// that it names are looked for beside it.
func Parse(data []byte, path string, r Reading) (*Config, error) {
	if len(data) > maxConfig {
		return nil, fmt.Errorf("%s: larger than %d bytes: write long lists of targets into files, and these under lists", path, maxConfig)
	}
	c := configFile{
		File:    handwritten.File{Path: path, Kind: "configuration", Template: "memsweep run --example"},
		reading: r,
		config:  &Config{Path: path, Parallel: 1},
	}
	root, err := c.Document(data)
	if err != nil {
		return nil, err
	}
	c.read(root)
	if err := c.Err(); err != nil {
		return nil, err
	}
	return c.config, nil
}

// configFile is a configuration while it is read.
type configFile struct {
	handwritten.File
	reading Reading
	config  *Config
	zone    *time.Location
	named   []string // files that are read
}

var configKeys = []string{"history", "instance", "zone", "parallel", "retention", "serve", "metrics", "notify", "jobs"}

// read reads the jobs last: they need the zone, wherever it stands.
func (c *configFile) read(root *yaml.Node) {
	var jobsKey, jobs *yaml.Node
	c.zone = time.UTC
	seen := c.Mapping(root, func(key, value *yaml.Node) {
		switch key.Value {
		case "history":
			c.config.History = c.historyFile(key, value)
		case "instance":
			c.config.Instance = c.word(key, value)
		case "zone":
			c.zone = c.location(key, value)
		case "parallel":
			c.config.Parallel = int(c.whole(key, value, 1, 64))
		case "retention":
			c.config.Retention = c.duration(key, value, 24*time.Hour, 100*365*24*time.Hour, "400d")
		case "serve":
			c.config.Serve = c.serve(key, value)
		case "metrics":
			c.config.Metrics = c.metrics(key, value)
		case "notify":
			c.config.Notify = notify.ParseTargets(&c.File, key, value, filepath.Dir(c.Path))
		case "jobs":
			jobsKey, jobs = key, value
		default:
			c.unknown(key, configKeys)
		}
	})
	if c.config.Instance == "" {
		c.config.Instance = c.reading.Host
	}
	if !seen["history"] {
		c.Refuse(root, "history is missing: write where what was seen is kept, as `history: memsweep.db`")
	}
	if jobs == nil {
		c.Refuse(root, "jobs is missing: write at least one, as `memsweep run --example` does")
		return
	}
	c.jobs(jobsKey, jobs)
}

// jobName is a name that can stand in a path, a metric and a line of a log.
var jobName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`)

const maxJobs = 1000

func (c *configFile) jobs(key, jobs *yaml.Node) {
	if jobs.Kind != yaml.MappingNode || len(jobs.Content) == 0 {
		c.Refuse(key, "jobs: there is none: write each as a name and what belongs to it, indented below")
		return
	}
	if len(jobs.Content) > 2*maxJobs {
		c.Refuse(key, "jobs: more than %d: name several ranges in one job", maxJobs)
		return
	}
	written := map[string]string{} // report path: job
	c.Mapping(jobs, func(key, value *yaml.Node) {
		if !jobName.MatchString(key.Value) {
			c.Refuse(key, "job %s: write a name of at most 64 letters, digits, dots, dashes and underscores", handwritten.Quote(key.Value))
			return
		}
		if value.Kind != yaml.MappingNode {
			c.Refuse(key, "job %s: nothing in it: write its targets and when it is due, indented below", key.Value)
			return
		}
		job := c.job(key, value)
		for _, r := range job.Reports {
			if other, ok := written[r.Path]; ok {
				c.Refuse(key, "job %s: %s is written by job %s too: write {job} into its name", key.Value, handwritten.Quote(r.Path), other)
			}
			written[r.Path] = key.Value
		}
		c.config.Jobs = append(c.config.Jobs, job)
	})
	c.spare()
}

// path is a file that the configuration names: relative ones are beside it.
func (c *configFile) path(text string) string {
	return handwritten.Beside(filepath.Dir(c.Path), text)
}

var serveKeys = []string{"listen", "tls_cert", "tls_key", "token_file"}

func (c *configFile) serve(key, value *yaml.Node) *Serve {
	s := &Serve{Listen: Page}
	if !c.isMapping(key, value, "listen: "+Page) {
		return s
	}
	loopback := true
	seen := c.Mapping(value, func(key, value *yaml.Node) {
		switch key.Value {
		case "listen":
			s.Listen, loopback = c.listen(key, value)
		case "tls_cert":
			s.TLSCert = c.file(key, value)
		case "tls_key":
			s.TLSKey = c.secretFile(key, value)
		case "token_file":
			s.TokenFile = c.secretFile(key, value)
		default:
			c.unknown(key, serveKeys)
		}
	})
	if seen["tls_cert"] != seen["tls_key"] {
		c.Refuse(key, "serve: tls_cert and tls_key belong together: write both, or neither")
	}
	if !loopback && (s.TLSCert == "" || s.TokenFile == "") {
		c.Refuse(key, "serve: %s can be reached by others: write tls_cert, tls_key and token_file too, or listen at 127.0.0.1", s.Listen)
	}
	return s
}

func (c *configFile) metrics(key, value *yaml.Node) *Metrics {
	m := &Metrics{Listen: "127.0.0.1:9150"}
	if !c.isMapping(key, value, "listen: 127.0.0.1:9150") {
		return m
	}
	c.Mapping(value, func(key, value *yaml.Node) {
		if key.Value != "listen" {
			c.unknown(key, []string{"listen"})
			return
		}
		m.Listen, _ = c.listen(key, value)
	})
	return m
}
