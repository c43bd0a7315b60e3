package history

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/internal/asked"
	"github.com/memsweep/memsweep/report"
)

// Imported says what came of an import.
type Imported struct {
	Scan     string
	Vantage  string
	Again    bool // it was in the history already, just so or the whole of which it is a part; nothing was done
	Replaced bool // it takes the place of an unfinished report of the same sweep
	Status   exposure.Status
	Findings int
	Changes  int // events that it brought
}

// Import reads a stored report, in any form that report.ReadAs reads, into the
// history: whole or not at all. The same report again changes nothing, nor does one
// of a part of a sweep that is there whole; another one of the same sweep is
// refused, unless the one that is there was unfinished.
func (s *Store) Import(ctx context.Context, r io.Reader, name string, from exposure.Vantage, job string) (Imported, error) {
	rec, err := s.Record(ctx, job)
	if err != nil {
		return Imported{}, err
	}
	defer rec.Close()
	rec.foreign = from.Name != ""
	if err := report.Convert(r, name, from, rec); err != nil {
		return Imported{}, err
	}
	return rec.Imported(), nil
}

// Recorder is a report.Writer into the history: findings are held back until End
// writes all in one step.
type Recorder struct {
	ctx     context.Context
	store   *Store
	job     string
	foreign bool // of another program: its ID is not unique

	header   report.Header
	bodies   bodies // of the findings, in the order in which they came
	findings int
	details  []life.Detail
	known    map[detailKey]int // where they are in details
	seen     []sighting
	tally    asked.Tally
	answers  []asked.Answer

	began, ended bool
	imported     Imported
}

// Record makes a Recorder for one sweep, of a job ("": of none).
func (s *Store) Record(ctx context.Context, job string) (*Recorder, error) {
	if s.write == nil {
		return nil, fmt.Errorf("history %s: it was opened to be read only", s.path)
	}
	return &Recorder{ctx: ctx, store: s, job: job, known: map[detailKey]int{}, tally: asked.Tally{}}, nil
}

var errOrder = errors.New("record: Begin, Finding and End are called in this order")

// Begin implements report.Writer.
func (r *Recorder) Begin(h report.Header) error {
	if r.began {
		return errOrder
	}
	r.began = true
	h.Sweep.Started = h.Sweep.Started.UTC()
	r.header = h
	return r.acceptable()
}

// maxName bounds the name of a vantage and the ID of a sweep, in bytes.
const maxName = 500

// acceptable refuses a header by which the report could not be found again, or
// put into its order.
func (r *Recorder) acceptable() error {
	sweep := &r.header.Sweep
	if t, err := exposure.ParseTrust(string(sweep.Vantage.Trust)); err == nil {
		sweep.Vantage.Trust = t
	} else {
		sweep.Vantage.Trust = exposure.Untrusted // what is not understood is not trusted
	}
	switch {
	case sweep.ID == "" || len(sweep.ID) > maxName:
		return fmt.Errorf("record: the report has no ID, or one of more than %d bytes: it is not known which sweep it is of", maxName)
	case sweep.Vantage.Name == "" || len(sweep.Vantage.Name) > maxName:
		return fmt.Errorf("record: the report does not name its vantage, or in more than %d bytes: write `memsweep scan --vantage NAME`", maxName)
	case sweep.Started.UnixMicro() <= 0:
		return errors.New("record: the report does not say when its sweep started, so it has no place in a history")
	}
	sweep.ID, sweep.Vantage.Name = stored(sweep.ID), stored(sweep.Vantage.Name)
	return nil
}

// Finding implements report.Writer.
func (r *Recorder) Finding(f exposure.Finding) error {
	if !r.began || r.ended {
		return errOrder
	}
	if !f.IP.IsValid() {
		return fmt.Errorf("record: finding %s has no address", exposure.Escape(f.ID))
	}
	if err := r.bodies.put(f); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	f.IP = f.IP.Unmap().WithZone("")
	seen, err := r.sightings(&f)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	r.seen = append(r.seen, seen...)
	r.tally.Add(&f)
	r.answers = append(r.answers, asked.Answers(&f)...)
	r.findings++
	return nil
}

// detailKey is a life.Detail that can be compared.
type detailKey struct {
	life.Detail
	version string
}

func keyOf(d life.Detail) detailKey {
	key := detailKey{Detail: d}
	if d.Version != nil {
		key.version = "=" + *d.Version
	}
	key.Detail.Version = nil
	return key
}

// detail is the place of d among the details of the report.
func (r *Recorder) detail(d life.Detail) int {
	key := keyOf(d)
	at, ok := r.known[key]
	if !ok {
		at = len(r.details)
		r.details = append(r.details, d)
		r.known[key] = at
	}
	return at
}

// End implements report.Writer; afterwards Imported says what came of it.
func (r *Recorder) End(s report.Summary) error {
	if !r.began || r.ended {
		return errOrder
	}
	r.ended = true
	digest, err := r.digest(s)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if r.foreign {
		r.header.Sweep.ID = fmt.Sprintf("%s-%x", r.header.Sweep.ID, digest[:4])
	}
	r.settle()
	if err := r.store.take(r.ctx, r, s, digest, time.Now()); err != nil {
		return fmt.Errorf("history %s: %w", r.store.path, err)
	}
	return nil
}

// digest tells whether two reports of a sweep say the same, in whatever order
// and form.
func (r *Recorder) digest(s report.Summary) ([]byte, error) {
	head, err := report.HeaderLine(r.header)
	if err != nil {
		return nil, err
	}
	end, err := report.SummaryLine(s)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(r.bodies.sums, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	sum := sha256.New()
	for _, part := range [][]byte{head, end} {
		fmt.Fprintf(sum, "%d\n", len(part))
		sum.Write(part)
	}
	for i := range r.bodies.sums {
		sum.Write(r.bodies.sums[i][:])
	}
	r.bodies.sums = nil
	return sum.Sum(nil), nil
}

// settle puts the sightings in order, each endpoint once: several probes, or
// findings, may be about one. The worst of them counts, whichever came first.
func (r *Recorder) settle() {
	value := func(baf *float64) float64 {
		if baf == nil {
			return -1
		}
		return *baf
	}
	slices.SortStableFunc(r.seen, func(a, b sighting) int {
		if c := a.at.compare(b.at); c != 0 {
			return c
		}
		d, e := r.details[a.detail], r.details[b.detail]
		return cmp.Or(cmp.Compare(rank(e.Severity), rank(d.Severity)), cmp.Compare(value(b.baf), value(a.baf)), bytes.Compare(detailDigest(d), detailDigest(e)))
	})
	r.seen = slices.CompactFunc(r.seen, func(a, b sighting) bool { return a.at == b.at })
}

// Imported says what came of it, after End.
func (r *Recorder) Imported() Imported { return r.imported }

// Close gives up what was not ended, and frees what was held.
func (r *Recorder) Close() error {
	r.ended = true
	r.bodies.close()
	r.seen, r.answers = nil, nil
	return nil
}
