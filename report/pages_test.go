package report

import (
	"bytes"
	"context"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/memsweep/memsweep/internal/chromium"
)

// look is one way to look at a page.
type look struct {
	name          string
	width, height int64
	scheme        string
}

var looks = []look{
	{"desktop-light", 1280, 900, "light"},
	{"desktop-dark", 1280, 900, "dark"},
	{"phone-light", 390, 844, "light"},
	{"phone-dark", 390, 844, "dark"},
}

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

// TestPagesInChromium looks at every page as people do. With -artifacts the
// screenshots are kept.
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
		for _, l := range looks {
			lookAt(t, ctx, name+"-"+l.name, address, l)
			complaints, loaded := journal.Take()
			if len(complaints) > 0 {
				t.Errorf("%s, %s: the browser complains: %q", name, l.name, complaints)
			}
			if len(loaded) != 1 || loaded[0] != address {
				t.Errorf("%s, %s: the browser loads %q", name, l.name, loaded)
			}
		}
	}
}

// sight is what a look at a page shows.
type sight struct {
	Title, Overflow        string
	Faint, Unlabelled      []string
	Squeezed               []string
	Scripts, Images, Heads int
}

func lookAt(t *testing.T, ctx context.Context, name, address string, l look) {
	t.Helper()
	chromium.Call(t, ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 500,
	})
	chromium.Call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
	})
	chromium.Ask(t, ctx, chromedp.Navigate(address))
	chromium.Evaluate[chromedp.Void](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true);
		document.querySelectorAll(".card").forEach(c => c.style.contentVisibility = "visible")`)
	s := chromium.Evaluate[sight](t, ctx, inspect)
	chromium.Evaluate[chromedp.Void](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = false)`)
	picture := chromium.Ask(t, ctx, chromedp.FullScreenshot(100))
	if strings.Contains(s.Title, "owned") || s.Scripts+s.Images > 0 || s.Heads != 1 {
		t.Errorf("%s: somebody else's words are more than text: %+v", name, s)
	}
	if s.Overflow != "" {
		t.Errorf("%s: wider than the window: %s", name, s.Overflow)
	}
	if len(s.Squeezed) > 0 {
		t.Errorf("%s: a letter a line: %q", name, s.Squeezed)
	}
	if len(s.Faint) > 0 {
		t.Errorf("%s: too little contrast: %q", name, s.Faint)
	}
	if len(s.Unlabelled) > 0 {
		t.Errorf("%s: a screen reader cannot name: %q", name, s.Unlabelled)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Errorf("%s: screenshot: %v", name, err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), picture, 0o600); err != nil {
		t.Error(err)
	}
}

// inspect looks for what makes a page hard to read: text with less contrast
// than WCAG 2.2 asks for (1.4.3, level AA), more width than the window has or
// much less, tables and controls without a name.
const inspect = `(() => {
  const channels = c => c.match(/[\d.]+/g).map(Number);
  const luminance = c => {
    const [r, g, b] = channels(c).slice(0, 3).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor, parts = channels(c);
      if (parts.length === 3 || parts[3] === 1) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = new Set(), squeezed = [];
  for (const e of document.body.querySelectorAll("*")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (box.width < 60 && box.height > 4 * box.width) squeezed.push(e.tagName + "." + e.className);
    const [x, y] = [luminance(style.color), luminance(behind(e))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    const ratio = (x + .05) / (y + .05);
    if (ratio < (large ? 3 : 4.5)) faint.add(e.tagName + "." + e.className + " " + ratio.toFixed(2));
  }
  const wide = [...document.body.querySelectorAll("*")].find(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre, .skip"));
  const unlabelled = [...document.querySelectorAll("table")].filter(e => !e.caption && !e.closest("[aria-label]"))
    .concat([...document.querySelectorAll("th")].filter(e => !e.scope))
    .concat([...document.querySelectorAll("input")].filter(e => !e.labels.length))
    .concat([...document.querySelectorAll("[aria-labelledby]")].filter(e => !document.getElementById(e.getAttribute("aria-labelledby"))));
  return {
    title: document.title, scripts: document.scripts.length, images: document.images.length, heads: document.querySelectorAll("h1").length,
    overflow: wide ? wide.tagName + "." + wide.className : "", faint: [...faint], squeezed, unlabelled: unlabelled.map(e => e.outerHTML.slice(0, 80)),
  };
})()`

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

// TestLargePageInChromium: ten thousand findings open.
func TestLargePageInChromium(t *testing.T) {
	t.Parallel()
	ctx, _ := chromium.Open(t)
	file := filepath.Join(t.TempDir(), "large.html")
	if err := os.WriteFile(file, large(10_000).write(t, "html", Options{}), 0o600); err != nil {
		t.Fatal(err)
	}
	chromium.Ask(t, ctx, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()))
	rows := chromium.Evaluate[int](t, ctx, `document.querySelectorAll(".matrix tbody tr").length`)
	cards := chromium.Evaluate[int](t, ctx, `document.querySelectorAll(".card").length`)
	if rows != 10_000 || cards != maxHTMLDetailed {
		t.Errorf("%d rows, %d cards", rows, cards)
	}
}
