package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/memsweep/memsweep/exposure"
)

// document reads a stored JSON document member by member, in whatever order
// they stand. Findings after everything else, where the writer puts them, are
// read one at a time; elsewhere they are held until all else is known.
type document struct {
	name   string
	in     *rationed
	limit  int // bytes a value
	dec    *json.Decoder
	stored *Stored
	seen   map[string]bool
	held   []json.RawMessage
	// within: the decoder stands inside the findings.
	within bool
}

// rationed errors when one value takes more than its ration.
type rationed struct {
	r    io.Reader
	left int
}

func (r *rationed) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errTooLong
	}
	n, err := r.r.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

func readDocument(r io.Reader, name string, limit int) (*Stored, error) {
	in := &rationed{r: r}
	d := &document{
		name: name, in: in, limit: limit, dec: json.NewDecoder(in),
		seen: map[string]bool{}, stored: &Stored{audit: newAudit(), summary: &Summary{}},
	}
	d.stored.findings = d.findings
	if err := d.delim('{'); err != nil {
		return nil, d.fail(err)
	}
	for !d.within {
		more, err := d.member()
		if err != nil {
			return nil, d.fail(err)
		}
		if !more {
			break
		}
	}
	for _, required := range []string{"schema_version", "tool", "sweep", "coverage", "findings"} {
		if !d.seen[required] {
			return nil, d.fail(fmt.Errorf("%s is missing", required))
		}
	}
	return d.stored, nil
}

// member takes in the next member of the document; more is false at its end.
func (d *document) member() (more bool, err error) {
	t, err := d.token()
	if err != nil {
		return false, err
	}
	name, ok := t.(string)
	if !ok { // the closing brace
		return false, d.end()
	}
	if d.seen[name] {
		return false, fmt.Errorf("%q stands twice", exposure.Escape(name))
	}
	d.seen[name] = true
	if name == "findings" && d.seen["schema_version"] && d.seen["tool"] && d.seen["sweep"] && d.seen["coverage"] {
		d.within = true
		return true, d.delim('[')
	}
	var raw json.RawMessage
	if err := d.value(&raw); err != nil {
		return false, err
	}
	if err := d.take(name, raw); err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	return true, nil
}

func (d *document) take(name string, raw json.RawMessage) error {
	switch name {
	case "schema_version":
		var version string
		if err := json.Unmarshal(raw, &version); err != nil {
			return err
		}
		return readable(version)
	case "tool":
		return json.Unmarshal(raw, &d.stored.Header.Tool)
	case "sweep":
		return d.sweep(raw)
	case "coverage":
		return json.Unmarshal(raw, &d.stored.summary.Coverage)
	case "findings":
		return json.Unmarshal(raw, &d.held)
	}
	return nil // of a newer minor version
}

func (d *document) sweep(raw json.RawMessage) error {
	var s sweepDocument
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	if s.ID == "" || s.Status == "" {
		return errors.New("id or status is missing")
	}
	d.stored.Header = s.header(d.stored.Header.Tool)
	coverage := d.stored.summary.Coverage
	*d.stored.summary = summaryOf(summaryLine{
		Status: s.Status, Finished: s.Finished, RateAchieved: s.RateAchieved, Problems: s.Problems, Justified: s.Justified, Coverage: &coverage,
	})
	return nil
}

func (d *document) findings(yield func(exposure.Finding, error) bool) {
	for i, raw := range d.held {
		f, err := d.stored.audit.read(raw)
		if err != nil {
			yield(f, &StoredError{d.name, fmt.Sprintf("finding %d", i+1), err})
			return
		}
		if !yield(f, nil) {
			return
		}
	}
	if !d.within {
		return
	}
	for d.more() {
		var raw json.RawMessage
		err := d.value(&raw)
		var f exposure.Finding
		if err == nil {
			f, err = d.stored.audit.read(raw)
		}
		if err != nil {
			yield(f, d.fail(err))
			return
		}
		if !yield(f, nil) {
			return
		}
	}
	if err := d.rest(); err != nil {
		yield(exposure.Finding{}, d.fail(err))
	}
}

// rest reads what follows the findings.
func (d *document) rest() error {
	if err := d.delim(']'); err != nil {
		return err
	}
	for {
		more, err := d.member()
		if err != nil || !more {
			return err
		}
	}
}

// end makes sure that nothing follows the document.
func (d *document) end() error {
	d.ration()
	if _, err := d.dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the document")
	}
	return nil
}

func (d *document) ration() { d.in.left = d.limit }

func (d *document) more() bool {
	d.ration()
	return d.dec.More()
}

func (d *document) token() (json.Token, error) {
	d.ration()
	t, err := d.dec.Token()
	return t, cut(err)
}

func (d *document) value(v any) error {
	d.ration()
	return cut(d.dec.Decode(v))
}

func (d *document) delim(want json.Delim) error {
	t, err := d.token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("a %q is missing", want.String())
	}
	return nil
}

// cut says in plain words that the document ends too early.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends in the middle: the document was cut off")
	}
	return err
}

func (d *document) fail(err error) error {
	return &StoredError{d.name, fmt.Sprintf("byte %d", d.dec.InputOffset()), err}
}
