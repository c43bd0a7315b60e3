package report

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/spool"
)

// docket keeps whole findings out of memory until a document for people is
// written, and gives them back worst first. The zero value is empty.
type docket struct {
	list      []docketed
	found     severityCount
	justified uint64 // of those found, how many the policy allows
	bodies    spool.Spool
	room      room
}

// docketed is what stays in memory of a finding.
type docketed struct {
	precedence
	remedy   remedyKey
	idle     bool    // nothing needs to be done: information, or justified
	baf      float64 // 0: not measured
	complete bool    // baf was measured whole
	body     spool.Ref
}

// remedyKey is the same for findings that the same change closes.
type remedyKey [sha256.Size]byte

func (d *docket) put(f *exposure.Finding) error {
	line, err := d.room.encode(d.room.written(*f))
	if err != nil {
		return fmt.Errorf("write finding %s: %w", f.ID, err)
	}
	if d.found == nil {
		d.found = severityCount{}
	}
	d.found[exposure.Escape(string(f.Severity))]++
	justified := f.Policy != nil && f.Policy.Justified
	if justified {
		d.justified++
	}
	h := docketed{
		precedence: precedenceOf(f),
		remedy:     remedyOf(f),
		idle:       justified || f.Severity == exposure.Info,
		body:       d.bodies.Put(line),
	}
	if f.UDP != nil && f.UDP.Amplification != nil && f.UDP.Amplification.Datagrams > 0 {
		h.baf, h.complete = f.UDP.Amplification.BAF, f.UDP.MeasuredWhole()
	}
	d.list = append(d.list, h)
	return nil
}

// remedyOf looks at the first fix alone: those for the various systems say the
// same in other words, and with each host's own addresses in them.
func remedyOf(f *exposure.Finding) remedyKey {
	text, err := json.Marshal(struct {
		Verdict exposure.Verdict
		Fix     []exposure.Fix
	}{f.Verdict, f.Fix[:min(1, len(f.Fix))]})
	if err != nil {
		panic(err) // strings alone
	}
	return sha256.Sum256(text)
}

func (d *docket) sort() {
	slices.SortStableFunc(d.list, func(a, b docketed) int { return a.compare(b.precedence) })
}

// get reads the finding at a place in the order back.
func (d *docket) get(place int) (f exposure.Finding, err error) {
	line, err := d.bodies.Get(d.list[place].body)
	if err == nil {
		err = json.Unmarshal(line, &f)
	}
	if err != nil {
		return f, fmt.Errorf("write finding %s: %w", d.list[place].id, err)
	}
	return f, nil
}
