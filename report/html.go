package report

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"iter"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// Up to how many findings, the worst first, the page goes into detail unasked,
// and how many it lists at all: browsers are slow with much more.
const (
	maxHTMLDetailed = 300
	maxHTMLListed   = 20_000
)

//go:embed html
var htmlFiles embed.FS

// htmlTemplates are parsed when the first page is written.
var htmlTemplates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"plural": plural}).ParseFS(htmlFiles, "html/*.tmpl"))
})

// htmlStyle is the one style sheet, as it stands in the page.
var htmlStyle = sync.OnceValue(func() string {
	text, err := htmlFiles.ReadFile("html/style.css")
	if err != nil {
		panic(err) // it is embedded
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n") // a checkout on Windows; browsers digest it so
})

// frame is what every page has: nothing in it is executed, and nothing is
// loaded from anywhere.
type frame struct {
	Title   string
	Loud    bool // the title starts with a warning
	Version string
}

// Style is the text of the style sheet: ours, so it goes in as it is.
func (frame) Style() template.CSS { return template.CSS(htmlStyle()) }

// Policy is the Content-Security-Policy. It allows that one style sheet by its
// digest, and nothing else.
func (frame) Policy() string {
	digest := sha256.Sum256([]byte(htmlStyle()))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'"
}

// htmlPage is what the template of a report shows.
type htmlPage struct {
	frame
	Headline    string
	Vantage     string
	Trust       string
	When        string
	Alarms      []string
	Silence     string // what an empty report must not be mistaken for
	Endpoints   string // what was asked, in one sentence
	Severities  []tile
	Justified   uint64
	Actions     []action
	ActionsLeft uint64
	Charts      []chart
	Coverage    []slice
	Rows, Cards iter.Seq[card]
	Total       int
	Listed      int // the worst, in Rows
	Detailed    int // the worst, in Cards
	About       []fact
}

// tile is how many findings there are of one severity.
type tile struct {
	Name, Class string
	Count       uint64
}

// htmlWriter writes one page at the end, worst first. Until then it keeps the
// findings out of memory.
type htmlWriter struct {
	w      io.Writer
	header Header
	docket docket
	failed error // why the findings ended early

	listed, detailed int // at most
}

func newHTML(w io.Writer, o Options) Writer {
	h := &htmlWriter{w: w, listed: maxHTMLListed, detailed: maxHTMLDetailed}
	if o.Verbose {
		h.listed, h.detailed = math.MaxInt, math.MaxInt
	}
	return h
}

func (h *htmlWriter) Begin(header Header) error {
	h.header = header
	return nil
}

func (h *htmlWriter) Finding(f exposure.Finding) error { return h.docket.put(&f) }

func (h *htmlWriter) End(s Summary) error {
	defer h.docket.bodies.Close()
	h.docket.sort()
	page, err := h.page(s)
	if err != nil {
		return err
	}
	return writePage(h.w, "report.tmpl", page, func() error { return h.failed })
}

// writePage executes a template; failed says afterwards what it could not be
// given.
func writePage(w io.Writer, name string, page any, failed func() error) error {
	b := bufio.NewWriterSize(w, 1<<16)
	err := htmlTemplates().ExecuteTemplate(b, name, page)
	if err == nil {
		err = failed()
	}
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	return nil
}

func (h *htmlWriter) page(s Summary) (htmlPage, error) {
	actions, left, err := h.docket.actions(h.listed)
	if err != nil {
		return htmlPage{}, err
	}
	c, sweep := knownCoverage(s.Coverage), h.header.Sweep
	p := htmlPage{
		Headline: headline(h.docket.found, s, c),
		Vantage:  say(sweep.Vantage.Name), Trust: say(string(sweep.Vantage.Trust)),
		When:   sweep.Started.UTC().Format("2 January 2006, 15:04 UTC"),
		Alarms: all(alarms(s, c), say), Justified: h.docket.justified,
		Actions: actions, ActionsLeft: uint64(left),
		Total: len(h.docket.list), Listed: min(h.listed, len(h.docket.list)), Detailed: min(h.detailed, len(h.docket.list)),
		About: about(h.header, s, c),
	}
	if c != nil {
		p.Endpoints, p.Coverage = endpoints(c), slicesOf(c.Outcomes)
		if p.Total == 0 && c.Outcomes.Silent > 0 {
			p.Silence = silence(c)
		}
	}
	for _, name := range h.docket.found.names() {
		p.Severities = append(p.Severities, tile{name, severityClass(name), h.docket.found[name]})
	}
	p.Charts = charts(&h.docket, h.listed)
	p.Rows, p.Cards = h.cards(p.Listed, newRow), h.cards(p.Detailed, newCard)
	p.frame = frame{
		Title: p.Headline + " Seen from " + p.Vantage, Loud: len(p.Alarms) > 0,
		Version: say(h.header.Tool.Name + " " + h.header.Tool.Version),
	}
	return p, nil
}

// cards yields the worst n findings, as show makes cards of them.
func (h *htmlWriter) cards(n int, show func(*exposure.Finding, int) card) iter.Seq[card] {
	return func(yield func(card) bool) {
		for place := range n {
			f, err := h.docket.get(place)
			if err != nil {
				h.failed = err
				return
			}
			if !yield(show(&f, place)) {
				return
			}
		}
	}
}

// about is everything else that is worth knowing of a sweep.
func about(h Header, s Summary, c *exposure.Coverage) []fact {
	sweep := h.Sweep
	var list []fact
	add := func(name, value string) {
		if value != "" {
			list = append(list, fact{name, say(value)})
		}
	}
	add("Sweep", sweep.ID)
	add("Status", string(s.Status))
	add("Vantage", fmt.Sprintf("%s (%s)", sweep.Vantage.Name, sweep.Vantage.Trust))
	add("Engine", strings.Join(append([]string{sweep.Engine}, sweep.Detail...), "; "))
	if !sweep.Started.IsZero() {
		add("Started", sweep.Started.UTC().Format(time.RFC3339))
	}
	if !s.Finished.IsZero() {
		add("Finished", s.Finished.UTC().Format(time.RFC3339))
	}
	var from []string
	for _, a := range sweep.Vantage.Addresses {
		from = append(from, a.String())
	}
	add("Its addresses", strings.Join(from, ", "))
	if clock := sweep.Vantage.Clock; clock != nil {
		kept := "not synchronised"
		if clock.Synchronised {
			kept = "synchronised"
		}
		add("Its clock", fmt.Sprintf("%s, within %s", kept, time.Duration(clock.MaxErrorUS)*time.Microsecond))
	}
	if s.RateAchieved != nil {
		add("Rate", fmt.Sprintf("%.0f packets a second of %.0f asked for", *s.RateAchieved, sweep.RateAsked))
	}
	if c != nil {
		add("Packets sent", fmt.Sprint(c.PacketsSent))
	}
	add("Plan", planDigest(sweep.Plan))
	if h.Policy != nil {
		add("Held against", underPolicy(h.Policy, s))
	}
	if h.Scope != nil {
		add("Authorised by", strings.TrimSpace(h.Scope.AuthorisedBy+" "+h.Scope.Reference))
		add("Contact", h.Scope.Contact)
		add("Scope", "sha256 "+h.Scope.SHA256)
	}
	return list
}

// planDigest names the plan, where it does so itself.
func planDigest(plan json.RawMessage) string {
	var p struct {
		SHA256 string `json:"sha256"`
	}
	if err := json.Unmarshal(plan, &p); err != nil || p.SHA256 == "" {
		return ""
	}
	return "sha256 " + p.SHA256
}
