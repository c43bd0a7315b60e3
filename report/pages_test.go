package report

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/memsweep/memsweep/internal/chromium"
)

// TestMain shares one browser.
func TestMain(m *testing.M) { chromium.Main(m) }

// hostileVersions is the whole report, with servers that say what would run,
// hide or turn around what stands beside it.
func hostileVersions() fixture {
	x := held()
	for i, version := range []string{
		`<script>document.title="owned"</script>`, `"><img src=x onerror="document.title='owned'">`, `{{.Header}}<!--`, "javascript:document.title='owned'",
		"\u202e81.6.1\u2066\u200b", "</style><style>body{display:none}",
	} {
		if x.findings[i].TCP != nil {
			x.findings[i].TCP.Version = &version
		}
		x.findings[i].Names = []string{version}
		x.findings[i].Reasons = append([]string{"It says it is " + version + "."}, x.findings[i].Reasons...)
	}
	return x
}

// TestPagesInChromium looks at every page as people do.
func TestPagesInChromium(t *testing.T) {
	t.Parallel()
	ctx, journal := chromium.Open(t)
	for name, document := range map[string][]byte{
		"report":      hostileVersions().write(t, "html", Options{}),
		"interrupted": interrupted().write(t, "html", Options{}),
		"nothing":     nothing().write(t, "html", Options{}),
		"matrix":      compare(t, writeMatrixHTML, compared(), Options{}),
		"sheet":       sheetAs(t, someSheet(7), "html", Options{}),
	} {
		file := filepath.Join(t.TempDir(), name+".html")
		if err := os.WriteFile(file, document, 0o600); err != nil {
			t.Fatal(err)
		}
		address := (&url.URL{Scheme: "file", Path: file}).String()
		for _, a := range chromium.All {
			s := chromium.Look(t, ctx, name, address, a)
			if strings.Contains(s.Title, "owned") || s.Scripts+s.Images > 0 || s.Heads != 1 {
				t.Errorf("%s: somebody else's words are more than text: %+v", name, s)
			}
			complaints, loaded := journal.Take()
			if len(complaints) > 0 {
				t.Errorf("%s, %s: the browser complains: %q", name, a.Name, complaints)
			}
			if len(loaded) != 1 || loaded[0] != address {
				t.Errorf("%s, %s: the browser loads %q", name, a.Name, loaded)
			}
		}
	}
}

// TestPageInUse: the filter hides rows and nothing else, a page in print shows
// everything, and a script that somebody smuggles in does not run.
func TestPageInUse(t *testing.T) {
	t.Parallel()
	ctx, journal := chromium.Open(t)
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, whole().write(t, "html", Options{}), 0o600); err != nil {
		t.Fatal(err)
	}
	const rows = `[...document.querySelectorAll(".matrix tbody tr")].filter(e => e.offsetHeight > 0).length`
	const evidence = `[...document.querySelectorAll("details pre")].filter(e => e.checkVisibility() && e.getBoundingClientRect().height > 0).length`
	chromium.Ask(t, ctx, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()))
	all := chromium.Evaluate[int](t, ctx, rows)
	chromium.Ask(t, ctx, chromedp.Click(chromedp.CSS("#show-critical")))
	filtered, shown := chromium.Evaluate[int](t, ctx, rows), chromium.Evaluate[int](t, ctx, evidence)
	chromium.Call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	printed, shownInPrint := chromium.Evaluate[int](t, ctx, rows), chromium.Evaluate[int](t, ctx, evidence)
	pdf := chromium.Ask(t, ctx, chromedp.PrintToPDF())
	if all != 12 || filtered != 6 || printed != 12 {
		t.Errorf("%d rows, %d without the critical ones, %d in print; want 12, 6, 12", all, filtered, printed)
	}
	if shown != 0 || shownInPrint == 0 {
		t.Errorf("details show %d blocks on the screen and %d in print", shown, shownInPrint)
	}
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		t.Error("it does not print")
	}
	journal.Take()
	ran := chromium.Evaluate[bool](t, ctx, `document.body.insertAdjacentHTML("beforeend", "<img src='data:,' onerror='window.ran = true'>");
		document.body.appendChild(Object.assign(document.createElement("script"), {textContent: "window.ran = true"}));
		new Promise(done => setTimeout(() => done(window.ran === true), 100))`, chromedp.EvalAwaitPromise)
	if complaints, _ := journal.Take(); ran || len(complaints) == 0 {
		t.Errorf("a smuggled script ran: %t; the browser says %q", ran, complaints)
	}
}

// TestLargePageInChromium: three thousand findings open.
func TestLargePageInChromium(t *testing.T) {
	t.Parallel()
	ctx, _ := chromium.Open(t)
	file := filepath.Join(t.TempDir(), "large.html")
	if err := os.WriteFile(file, large(3000).write(t, "html", Options{}), 0o600); err != nil {
		t.Fatal(err)
	}
	chromium.Ask(t, ctx, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()))
	rows := chromium.Evaluate[int](t, ctx, `document.querySelectorAll(".matrix tbody tr").length`)
	cards := chromium.Evaluate[int](t, ctx, `document.querySelectorAll(".card").length`)
	if rows != 3000 || cards != maxHTMLDetailed {
		t.Errorf("%d rows, %d cards", rows, cards)
	}
}
