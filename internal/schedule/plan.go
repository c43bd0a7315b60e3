package schedule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// planName is a file beside the checkpoint: a digest of what the job asked for when
// its sweep began.
const planName = "plan"

// digest is over what a sweep that goes on has from its checkpoint, and not from
// the job: what is swept, from where and how. What is excluded, the scope and the
// limits are given to it again. Of lists it is over what they hold: their names
// depend on from where the configuration was read.
func (j Job) digest() string {
	sum := sha256.New() // to a hash: no error
	fmt.Fprintf(sum, "%q %q %q\n", []string{j.Vantage.Name, string(j.Vantage.Trust)}, j.Plan, j.Targets)
	for _, path := range j.Lists {
		f, err := os.Open(path)
		if err != nil { // the sweep says so
			continue
		}
		io.Copy(sum, f)
		f.Close()
		fmt.Fprintln(sum)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// begins notes what is asked for.
func (r *running) begins() error {
	return os.WriteFile(filepath.Join(r.folder, planName), []byte(r.job.digest()), 0o600)
}

// changed reports whether the job asks for something else than when its sweep began.
func (r *running) changed() bool {
	was, err := os.ReadFile(filepath.Join(r.folder, planName))
	return err == nil && string(was) != r.job.digest()
}

// anew drops what is there of a sweep whose job is another one now: to go on would
// be to sweep what nobody asks for any more, or faster than is allowed now. What it
// found is kept.
func (r *running) anew(ctx context.Context) error {
	if _, err := r.imported(ctx, reportName); err != nil {
		return err
	}
	r.log.Warn("the job was changed since its sweep was cut off: the sweep begins anew")
	for _, name := range []string{reportName, checkpointName} {
		if err := os.Remove(filepath.Join(r.folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
