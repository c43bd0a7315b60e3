package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure/matrix"
	"github.com/memsweep/memsweep/report"
)

func matrixKinds() kinds {
	k := kinds{byName: func(name string) error { _, err := report.MatrixFormatByName(name); return err }}
	for _, f := range report.MatrixFormats() {
		k.list = append(k.list, kind{f.Name, f.Extension})
	}
	return k
}

// writeMatrix writes every document. One that cannot be written does not stop
// the others.
func writeMatrix(c *cli.Context, list []destination, m matrix.Matrix) error {
	failed := false
	for _, d := range list {
		if err := d.writeMatrix(c, m); err != nil {
			say(c.App.ErrWriter, "the %s comparison to %s was not written: %v", d.Format, d.place(), err)
			failed = true
		}
	}
	if failed {
		return &exit{code: exitOutput}
	}
	return nil
}

func (d destination) writeMatrix(c *cli.Context, m matrix.Matrix) error {
	format, err := report.MatrixFormatByName(d.Format)
	if err != nil {
		return err
	}
	tool := report.Tool{Name: "memsweep", Version: versionText()}
	if d.Path == "" {
		return format.Write(c.App.Writer, tool, m, d.options(c))
	}
	f, err := report.Create(d.Path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := format.Write(f, tool, m, d.options(c)); err != nil {
		return fmt.Errorf("write %s: %w", d.Path, err)
	}
	return f.Commit()
}
