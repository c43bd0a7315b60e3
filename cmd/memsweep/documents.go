package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/report"
)

// tool is who writes a document.
func tool() report.Tool { return report.Tool{Name: "memsweep", Version: versionText()} }

// writeDocuments writes every document. One that cannot be written does not stop
// the others. noun is what they are, for messages.
func writeDocuments(c *cli.Context, list []destination, noun string, write func(destination, io.Writer) error) error {
	failed := false
	for _, d := range list {
		if err := d.write(c, write); err != nil {
			say(c.App.ErrWriter, "the %s %s to %s was not written: %v", d.Format, noun, d.place(), err)
			failed = true
		}
	}
	if failed {
		return &exit{code: exitOutput}
	}
	return nil
}

func (d destination) write(c *cli.Context, write func(destination, io.Writer) error) error {
	if d.Path == "" {
		return write(d, c.App.Writer)
	}
	f, err := report.Create(d.Path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := write(d, f); err != nil {
		return fmt.Errorf("write %s: %w", d.Path, err)
	}
	return f.Commit()
}

func sheetKinds() kinds {
	k := kinds{byName: func(name string) error { _, err := report.SheetFormatByName(name); return err }}
	for _, f := range report.SheetFormats() {
		k.list = append(k.list, kind{f.Name, f.Extension})
	}
	return k
}

// sheetFlags choose what a sheet becomes, and where it goes.
func sheetFlags() []cli.Flag {
	var names []string
	for _, f := range report.SheetFormats() {
		names = append(names, f.Name)
	}
	return []cli.Flag{
		&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Category: outputCategory, Usage: "write it as `FORMAT`: " + strings.Join(names, ", "), DefaultText: "text"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Category: outputCategory, Usage: "write to `FILE`, in the format of its ending or of --format"},
		&cli.StringSliceFlag{Name: "out", Category: outputCategory, Usage: "also write `FORMAT=FILE` (may be repeated)"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: outputCategory, Usage: "no table beside -o"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputCategory, Usage: "everything in html and markdown too, however much it is"},
		colorFlag(),
	}
}

// writeSheets writes a sheet to each destination; make is told for which format.
func writeSheets(c *cli.Context, list []destination, make func(format string) report.Sheet) error {
	return writeDocuments(c, list, "document", func(d destination, w io.Writer) error {
		format, err := report.SheetFormatByName(d.Format)
		if err != nil {
			return err
		}
		return format.Write(w, tool(), make(d.Format), d.options(c))
	})
}
