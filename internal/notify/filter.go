package notify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
)

// Filter picks what a target is told. The zero value picks everything.
type Filter struct {
	Kinds    []life.Kind       // of changes; none: all
	AtLeast  exposure.Severity // of changes; "": any
	Vantages []string          // of changes; none: all
	Owners   []string          // of changes; none: all, and nobody's
	Jobs     []string          // of changes and of runs; none: all, and no job's
	NoRuns   bool              // runs that went wrong are not told
}

// String says in words what it picks.
func (f *Filter) String() string {
	var parts []string
	add := func(format string, list []string) {
		if len(list) > 0 {
			parts = append(parts, fmt.Sprintf(format, strings.Join(list, ", ")))
		}
	}
	var kinds []string
	for _, k := range f.Kinds {
		kinds = append(kinds, string(k))
	}
	add("%s", kinds)
	if f.AtLeast != "" {
		parts = append(parts, string(f.AtLeast)+" or worse")
	}
	add("from %s", f.Vantages)
	add("of %s", f.Owners)
	add("in jobs %s", f.Jobs)
	text := "changes: " + strings.Join(parts, "; ")
	if len(parts) == 0 {
		text = "all changes"
	}
	if f.NoRuns {
		return text
	}
	return text + "; and runs that went wrong"
}

func (f *Filter) picks(e *history.Event) bool {
	if e.Run != nil {
		return !f.NoRuns && among(f.Jobs, e.Run.Job)
	}
	c := e.Change
	return c != nil && among(f.Kinds, c.Kind) && (f.AtLeast == "" || c.Severity.AtLeast(f.AtLeast)) &&
		among(f.Vantages, c.Exposure.Vantage.Name) && among(f.Jobs, c.Job) && f.owned(c)
}

// owned: a change of owner concerns both.
func (f *Filter) owned(c *history.Change) bool {
	for _, s := range []*life.Seen{c.Was, c.Now, &c.Exposure.Seen} {
		if s != nil && among(f.Owners, s.Owner) {
			return true
		}
	}
	return false
}

func among[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }
