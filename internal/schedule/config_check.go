package schedule

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure/policy"
	"github.com/memsweep/memsweep/internal/handwritten"
	"github.com/memsweep/memsweep/targets"
)

// confirmAbove is how many addresses `memsweep scan` sweeps without being told
// their number.
const confirmAbove = 1 << 20

// check holds the parts of a job against each other, and reads the files that it
// names. Host names are not resolved: what they are may be another thing when the
// job is due, and `memsweep scan` asks the scope then.
func (c *configFile) check(j *Job) {
	if !slices.Contains(j.Plan, "raw") {
		for _, key := range []string{"sender", "interface", "source"} {
			if at := j.nodes[key]; at != nil {
				c.Refuse(at, "job %s: %s is for the raw engine: write `engine: raw` too, or leave it out", j.Name, key)
			}
		}
	}
	c.checkPolicy(j)
	scope, ok := c.readScope(j)
	include, okInclude := c.entries(j, "targets", j.Targets, targets.Arguments, "lists", j.Lists, targets.ReadList)
	exclude, okExclude := c.entries(j, "exclude", j.Exclude, targets.ExcludeArguments, "exclude_files", j.ExcludeFiles, targets.ReadExcludes)
	if !ok || !okInclude || !okExclude {
		return
	}
	at := j.nodes["targets"]
	if at == nil {
		at = j.nodes["lists"]
	}
	include, named := addresses(include)
	exclude, namedExcludes := addresses(exclude)
	if at == nil || len(include) == 0 {
		return
	}
	sel, err := targets.Build(context.Background(), include, exclude, net.DefaultResolver)
	if err != nil {
		c.Refuse(at, "job %s: %v", j.Name, err)
		return
	}
	if namedExcludes == 0 { // else less may be swept than it looks
		if err := scope.Check(sel.Set, c.reading.Now); err != nil {
			for line := range strings.Lines(err.Error()) {
				c.Refuse(at, "job %s: %s", j.Name, forFile(strings.TrimSuffix(line, "\n")))
			}
		}
	}
	if named == 0 && namedExcludes == 0 {
		c.checkCount(j, sel.Set.Len())
	}
	for _, w := range sel.Warnings {
		c.config.Warnings = append(c.config.Warnings, "job "+j.Name+": "+w)
	}
}

// forFile makes advice for the command line one for the file.
func forFile(text string) string {
	return strings.NewReplacer("give it with --scope FILE", "name it as `scope: FILE`", "leave out with --exclude ", "leave out by `exclude:` ").Replace(text)
}

func (c *configFile) checkCount(j *Job, n uint64) {
	switch at := j.nodes["count"]; {
	case at != nil && j.count != n:
		c.Refuse(at, "job %s: count is %d, but there are %d addresses: look whether that is what you want, then write `count: %d`", j.Name, j.count, n, n)
	case at == nil && n > confirmAbove:
		c.Refuse(j.nodes[first(j, "targets", "lists")], "job %s: %d addresses, more than %d: if that is what you want, write `count: %d`", j.Name, n, confirmAbove, n)
	}
}

// first is the first of the keys that the job has.
func first(j *Job, keys ...string) string {
	for _, k := range keys {
		if j.nodes[k] != nil {
			return k
		}
	}
	return keys[0]
}

func (c *configFile) readScope(j *Job) (scope *targets.Scope, ok bool) {
	if j.nodes["scope"] == nil {
		return nil, true
	}
	at := j.nodes["scope"]
	if info, err := os.Stat(j.Scope); err != nil || !info.Mode().IsRegular() {
		return nil, false // that was said
	}
	scope, err := targets.ReadScope(j.Scope)
	if err != nil {
		c.within(j, "scope", err)
		return nil, false
	}
	if !scope.ValidAt(c.reading.Now) {
		c.Refuse(at, "job %s: %v", j.Name, scope.Check(targets.Set{}, c.reading.Now))
		return nil, false
	}
	if rate := j.nodes["rate"]; rate != nil && scope.MaxRate > 0 && j.rate > float64(scope.MaxRate) {
		c.Refuse(rate, "job %s: rate %v is above max_rate %d of scope %s: write `rate: %d`", j.Name, j.rate, scope.MaxRate, scope.Path, scope.MaxRate)
	}
	return scope, true
}

func (c *configFile) checkPolicy(j *Job) {
	if info, err := os.Stat(j.Policy); j.nodes["policy"] == nil || err != nil || !info.Mode().IsRegular() {
		return
	}
	p, err := policy.Read(j.Policy)
	if err != nil {
		c.within(j, "policy", err)
		return
	}
	warnings, err := p.Review(c.reading.Now)
	if err != nil { // such a justification holds for nothing, and is no reason not to sweep
		warnings = append(warnings, err.Error())
	}
	for _, w := range warnings {
		c.config.Warnings = append(c.config.Warnings, "job "+j.Name+": "+w)
	}
}

// spare refuses reports that would be written over what is read, or over the history.
func (c *configFile) spare() {
	files := append([]string{c.Path}, c.named...)
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", ".lock"} {
		files = append(files, c.config.History+suffix)
	}
	for _, j := range c.config.Jobs {
		for _, r := range j.Reports {
			if slices.ContainsFunc(files, func(file string) bool { return file != "" && sameFile(file, r.Path) }) {
				c.Refuse(j.nodes["reports"], "job %s: a report would be written over %s: give it a name of its own", j.Name, handwritten.Quote(r.Path))
			}
		}
	}
}

func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	one, err := os.Stat(a)
	other, errOther := os.Stat(b)
	return err == nil && errOther == nil && os.SameFile(one, other)
}

// within passes on what is wrong with a file that the job names: each of its
// lines stands for itself, and says where.
func (c *configFile) within(j *Job, key string, err error) {
	for line := range strings.Lines(err.Error()) {
		c.Refuse(j.nodes[key], "job %s: %s: %s", j.Name, key, strings.TrimSuffix(line, "\n"))
	}
}

// entries are what a key says and what the files of another one list.
func (c *configFile) entries(j *Job, key string, texts []string, parse func([]string) ([]targets.Entry, error),
	filesKey string, files []string, read func(io.Reader, string) ([]targets.Entry, error)) (all []targets.Entry, ok bool) {
	if j.nodes[key] == nil && j.nodes[filesKey] == nil {
		return nil, true
	}
	all, err := parse(texts)
	ok = err == nil && (j.nodes[key] == nil || len(texts) > 0)
	for _, path := range files {
		entries, err := readList(path, read)
		if os.IsNotExist(err) {
			return nil, false // that was said
		}
		if err != nil {
			c.within(j, filesKey, err)
			ok = false
		}
		all = append(all, entries...)
	}
	return all, ok
}

func readList(path string, read func(io.Reader, string) ([]targets.Entry, error)) ([]targets.Entry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read: its error says nothing
	return read(f, path)
}

// addresses are the entries that are no host names, and how many others there are.
func addresses(entries []targets.Entry) (list []targets.Entry, named int) {
	for _, e := range entries {
		if e.Host != "" {
			named++
			continue
		}
		list = append(list, e)
	}
	return list, named
}
