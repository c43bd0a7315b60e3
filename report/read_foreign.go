package report

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"

	"github.com/memsweep/memsweep/exposure"
)

// foreign is what the files of other programs have in common: they do not say
// from where they were made, and what they list is judged here anew.
type foreign struct {
	name   string
	stored *Stored
}

// openForeign begins a report that another program wrote.
func openForeign(name string, h Header) *foreign {
	h.Sweep.Engine, h.Sweep.Vantage.Addresses = h.Tool.Name, nil
	return &foreign{name: name, stored: &Stored{Header: h, audit: newAudit(), summary: &Summary{}}}
}

// judge makes a finding of what a file says of one host; ok is false where
// nothing answered.
func (f *foreign) judge(h exposure.Host) (finding exposure.Finding, ok bool, err error) {
	for _, o := range h.Observations {
		ok = ok || o.State.Answered()
	}
	if !ok {
		return finding, false, nil
	}
	finding = exposure.Judge(h, f.stored.Header.Sweep.Vantage)
	return finding, true, f.stored.audit.admit(&finding)
}

func (f *foreign) fail(line int, err error) error {
	return &StoredError{f.name, fmt.Sprintf("line %d", line), err}
}

// named refuses a foreign file of which it is not said where it was made.
func named(v exposure.Vantage, program string) (exposure.Vantage, error) {
	if v.Name == "" {
		return v, fmt.Errorf("%s does not say from where it looked: name the place with --vantage NAME and --trust (compare: --vantage NAME:TRUST=FILE)", program)
	}
	if v.Trust == "" {
		v.Trust = exposure.Untrusted // not to say is to assume the worst
	}
	return v, nil
}

var errOwnVantage = errors.New("the report names its own vantage: --vantage and --trust are for what other programs wrote")

// looksLikeXML and looksLikeShadowserver tell what a file is by its first line.
func looksLikeXML(first []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(first), []byte("<")) }

func looksLikeShadowserver(first []byte) bool {
	header, err := shadowserverReader(bufio.NewReader(bytes.NewReader(first))).Read()
	if err != nil {
		return false
	}
	_, err = columnsOf(header)
	return err == nil
}
