package main

import (
	"io"

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

func writeMatrix(c *cli.Context, list []destination, m matrix.Matrix) error {
	return writeDocuments(c, list, "comparison", func(d destination, w io.Writer) error {
		format, err := report.MatrixFormatByName(d.Format)
		if err != nil {
			return err
		}
		return format.Write(w, tool(), m, d.options(c))
	})
}
