package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// nmapFile reads nmap's XML, one host at a time. Go's decoder reads no DTD and
// knows no entities but XML's own, so that there is nothing to expand.
type nmapFile struct {
	*foreign
	in    *rationed
	limit int // bytes an element
	dec   *xml.Decoder

	asked   map[string]bool // protocols over which the port of memcached was asked
	probes  map[string]exposure.Outcomes
	up      uint64 // hosts listed
	skipped uint64 // targets that nmap did not scan
	gaveUp  uint64 // hosts that nmap gave up
	unclear uint64 // endpoints of which it does not say what became
	stats   *nmapRunStats
	ours    *nmapScript // what memsweep says of the run
	whole   bool        // the document has its end
}

func readNmap(r io.Reader, name string, limit int, from exposure.Vantage) (*Stored, error) {
	in := &rationed{r: r, left: limit}
	n := &nmapFile{in: in, limit: limit, dec: xml.NewDecoder(in), asked: map[string]bool{}, probes: map[string]exposure.Outcomes{}}
	run, err := n.root()
	if err != nil {
		line, _ := n.dec.InputPos()
		return nil, &StoredError{name, fmt.Sprintf("line %d", line), err}
	}
	if from, err = named(from, "nmap"); err != nil {
		return nil, &StoredError{name, "", err}
	}
	plan, err := encode(map[string]string{"nmap_arguments": run.Args})
	if err != nil {
		return nil, &StoredError{name, "", err}
	}
	sweep := Sweep{ID: "nmap", Vantage: from, Plan: json.RawMessage(plan)}
	if start, err := strconv.ParseUint(run.Start, 10, 40); err == nil {
		sweep.Started = time.Unix(int64(start), 0).UTC()
		sweep.ID += "-" + sweep.Started.Format("20060102T150405Z")
	}
	n.foreign = openForeign(name, Header{Tool: Tool{"nmap", run.Version}, Sweep: sweep})
	n.stored.findings = n.findings
	return n.stored, nil
}

// root reads up to the start of the run.
func (n *nmapFile) root() (run nmapRun, err error) {
	for {
		n.in.left = n.limit
		token, err := n.dec.Token()
		if err != nil {
			return run, nmapError(err)
		}
		start, ok := token.(xml.StartElement)
		switch {
		case !ok:
		case start.Name.Local != "nmaprun":
			return run, fmt.Errorf("it is XML, but not nmap's: <%s> in the place of <nmaprun>", exposure.Escape(start.Name.Local))
		default:
			for _, a := range start.Attr {
				switch a.Name.Local {
				case "args":
					run.Args = a.Value
				case "start":
					run.Start = a.Value
				case "version":
					run.Version = a.Value
				}
			}
			return run, nil
		}
	}
}

func (n *nmapFile) findings(yield func(exposure.Finding, error) bool) {
	for {
		host, more, err := n.advance()
		if cutShort(err) {
			break
		}
		if err != nil {
			line, _ := n.dec.InputPos()
			yield(exposure.Finding{}, n.fail(line, nmapError(err)))
			return
		}
		if !more {
			break
		}
		if host == nil {
			continue
		}
		f, found, err := n.host(host)
		if err != nil {
			line, _ := n.dec.InputPos()
			err = n.fail(line, err)
		}
		if (found || err != nil) && !yield(f, err) {
			return
		}
	}
	n.conclude()
}

// advance reads one element of the run; host is nil when it is none. More is
// false at the end.
func (n *nmapFile) advance() (host *nmapHost, more bool, err error) {
	n.in.left = n.limit
	token, err := n.dec.Token()
	switch t := token.(type) {
	case xml.EndElement:
		n.whole = true
	case xml.StartElement:
		if n.whole {
			return nil, false, errors.New("there is more after the document")
		}
		n.in.left = n.limit
		host, err = n.element(t)
	}
	if errors.Is(err, io.EOF) && n.whole {
		return nil, false, nil
	}
	return host, true, err
}

func (n *nmapFile) element(start xml.StartElement) (host *nmapHost, err error) {
	switch start.Name.Local {
	case "scaninfo":
		var info nmapScanInfo
		if err := n.dec.DecodeElement(&info, &start); err != nil {
			return nil, err
		}
		if containsPort(info.Services, memcachedPort) {
			n.asked[info.Protocol] = true
		}
		return nil, nil
	case "target":
		var target nmapTarget
		if err := n.dec.DecodeElement(&target, &start); err != nil {
			return nil, err
		}
		if target.Status == "skipped" {
			n.skipped++
		}
		return nil, nil
	case "host":
		host = &nmapHost{}
		return host, n.dec.DecodeElement(host, &start)
	case "postscript":
		var scripts struct {
			List []nmapScript `xml:"script"`
		}
		if err := n.dec.DecodeElement(&scripts, &start); err != nil {
			return nil, err
		}
		if ours, ok := scriptOf(scripts.List, nmapOurScript); ok {
			n.ours = &ours
		}
		return nil, nil
	case "runstats":
		n.stats = &nmapRunStats{}
		return nil, n.dec.DecodeElement(n.stats, &start)
	}
	return nil, n.dec.Skip()
}

// cutShort reports whether a file ends in the middle: nmap leaves such a one
// behind when it is interrupted. What it says up to there holds.
func cutShort(err error) bool {
	var syntax *xml.SyntaxError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &syntax) && syntax.Msg == "unexpected EOF"
}

// nmapError is an error without the line, which the caller knows.
func nmapError(err error) error {
	var syntax *xml.SyntaxError
	switch {
	case cutShort(err):
		return errors.New("it ends in the middle: the document was cut off")
	case errors.As(err, &syntax):
		return errors.New(exposure.Escape(syntax.Msg))
	}
	return err
}

// containsPort reports whether a list as nmap writes it, "22,80,11000-11999",
// holds a port.
func containsPort(list string, port uint64) bool {
	for item := range strings.SplitSeq(list, ",") {
		low, high, isRange := strings.Cut(item, "-")
		first, err := strconv.ParseUint(low, 10, 16)
		last := first
		if err == nil && isRange {
			last, err = strconv.ParseUint(high, 10, 16)
		}
		if err == nil && first <= port && port <= last {
			return true
		}
	}
	return false
}
