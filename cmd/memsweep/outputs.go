package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/report"
)

// destination is one document that is to be written.
type destination struct {
	Format  string `json:"format"`
	Path    string `json:"path"` // "": stdout
	Verbose bool   `json:"verbose,omitempty"`
	Color   string `json:"color,omitempty"` // auto, always, never
}

// destinations reads the output flags: with -o, the report goes there, and the
// table to stdout unless -q; without, the report goes to stdout.
func destinations(c *cli.Context) ([]destination, error) { return destinationsAmong(reportKinds(), c) }

// kind is a format as the output flags know it.
type kind struct{ name, extension string }

// kinds are the formats of one sort of document, the default first.
type kinds struct {
	list   []kind
	byName func(name string) error // says which there are
}

func reportKinds() kinds {
	k := kinds{byName: func(name string) error { _, err := report.ByName(name); return err }}
	for _, f := range report.All() {
		k.list = append(k.list, kind{f.Name, f.Extension})
	}
	return k
}

func destinationsAmong(known kinds, c *cli.Context) ([]destination, error) {
	style := destination{Verbose: c.Bool("verbose"), Color: c.String("color")}
	if style.Color != "auto" && style.Color != "always" && style.Color != "never" {
		return nil, fmt.Errorf("--color %q: write auto, always or never", style.Color)
	}
	format, path := c.String("format"), c.String("output")
	if path == "-" {
		path = ""
	}
	if format == "" {
		format = known.formatOf(path)
	}
	list := []destination{style.with(format, path)}
	for _, out := range c.StringSlice("out") {
		f, p, ok := strings.Cut(out, "=")
		if !ok || f == "" || p == "" {
			return nil, fmt.Errorf("--out %q: write FORMAT=FILE, for example json=report.json", out)
		}
		list = append(list, style.with(f, p))
	}
	if path != "" && !c.Bool("quiet") {
		list = append(list, style.with("text", ""))
	}
	taken := map[string]bool{}
	for _, d := range list {
		if err := known.byName(d.Format); err != nil {
			return nil, err
		}
		if d.Path != "" && taken[filepath.Clean(d.Path)] {
			return nil, fmt.Errorf("two reports to one file: %s", d.Path)
		}
		taken[filepath.Clean(d.Path)] = true
	}
	return list, nil
}

// anyFile reports whether a report goes to a file.
func anyFile(list []destination) bool {
	return slices.ContainsFunc(list, func(d destination) bool { return d.Path != "" })
}

func (d destination) with(format, path string) destination {
	d.Format, d.Path = format, path
	return d
}

// formatOf is the format that a file's ending names, else text.
func (known kinds) formatOf(path string) string {
	for _, k := range known.list {
		if ext := filepath.Ext(path); ext != "" && ext == k.extension {
			return k.name
		}
	}
	return known.list[0].name
}

// outputs are the documents of one sweep. One that cannot be written does not
// stop the others.
type outputs struct{ list []*output }

type output struct {
	destination
	writer report.Writer
	file   *report.File // nil: stdout, or no document
	err    error

	release func() // of what is no document; nil: there is nothing to release
}

// openOutputs creates every document, so that a bad path is known before
// anything is sent.
func openOutputs(c *cli.Context, list []destination) (*outputs, error) {
	all := &outputs{}
	for _, d := range list {
		o, err := openOutput(c, d)
		if err != nil {
			all.abort()
			return nil, err
		}
		all.list = append(all.list, o)
	}
	return all, nil
}

func openOutput(c *cli.Context, d destination) (*output, error) {
	format, err := report.ByName(d.Format)
	if err != nil {
		return nil, err
	}
	o := &output{destination: d}
	if d.Path != "" {
		if o.file, err = report.Create(d.Path); err != nil {
			return nil, err
		}
		o.writer = format.New(o.file, d.options(c))
		return o, nil
	}
	o.writer = format.New(c.App.Writer, d.options(c))
	return o, nil
}

// options are what the document may know about its reader.
func (d destination) options(c *cli.Context) report.Options {
	options := report.Options{Verbose: d.Verbose, Color: d.Color == "always"}
	if d.Path != "" {
		return options
	}
	if width := terminalWidth(c.App.Writer); width > 0 {
		options.Width = width
		options.Color = d.Color == "always" || d.Color == "auto" && os.Getenv("NO_COLOR") == ""
	}
	return options
}

// terminalWidth is how many columns the terminal behind w has; 0: there is none.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

// each calls write on every document that can still be written.
func (o *outputs) each(write func(*output) error) {
	for _, out := range o.list {
		if out.err == nil {
			out.err = write(out)
		}
	}
}

func (o *outputs) begin(h report.Header) {
	o.each(func(out *output) error { return out.writer.Begin(h) })
}

// finding writes a finding everywhere. It is an error when nothing is left to
// write to: then the sweep has no reader.
func (o *outputs) finding(f exposure.Finding) error {
	o.each(func(out *output) error { return out.writer.Finding(f) })
	for _, out := range o.list {
		if out.err == nil {
			return nil
		}
	}
	return errors.New("no report can be written any more")
}

func (o *outputs) end(s report.Summary) {
	o.each(func(out *output) error {
		if err := out.writer.End(s); err != nil {
			return err
		}
		if out.file != nil {
			return out.file.Commit()
		}
		return nil
	})
}

func (o *outputs) abort() {
	for _, out := range o.list {
		if out.file != nil {
			out.file.Abort()
		}
		if out.release != nil {
			out.release()
		}
	}
}

// discarded reports whether nobody may ever see the report: it goes to stdout
// alone, and that was closed, or is the null device opened as the Go runtime
// opens it in the place of a closed stream.
func (o *outputs) discarded(c *cli.Context) bool {
	for _, out := range o.list {
		if f, ok := c.App.Writer.(*os.File); out.Path != "" || !ok || !wasClosed(f) {
			return false
		}
	}
	return true
}

// failures says which documents were not written.
func (o *outputs) failures() error {
	var all []error
	for _, out := range o.list {
		switch {
		case out.err != nil && out.Format == historyFormat:
			all = append(all, out.unrecorded())
		case out.err != nil:
			all = append(all, fmt.Errorf("the %s report to %s was not written: %w", out.Format, out.place(), out.err))
		}
	}
	return errors.Join(all...)
}

func (d destination) place() string {
	if d.Path == "" {
		return "stdout"
	}
	return d.Path
}

// machineReadable reports whether a document that holds everything was written.
func (o *outputs) machineReadable() bool {
	for _, out := range o.list {
		if out.err == nil && slices.Contains([]string{"json", "jsonl", "csv"}, out.Format) {
			return true
		}
	}
	return false
}
