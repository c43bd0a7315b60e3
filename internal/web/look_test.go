package web

import (
	"bytes"
	"context"
	"image/png"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/chromium"
	"github.com/memsweep/memsweep/internal/pretend"
)

// serveSite serves a history of that size, 0: an empty one, over real HTTP.
func serveSite(t *testing.T, size pretend.Size, o Options) (address string, store *history.Store) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	if size.Exposures > 0 || size.Sweeps > 0 {
		if err := pretend.Write(t.Context(), path, size); err != nil {
			t.Fatal(err)
		}
	}
	store, err := history.Open(t.Context(), path, history.Create)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return serveStore(t, store, o), store
}

func serveStore(t *testing.T, store *history.Store, o Options) (address string) {
	t.Helper()
	o.Listen, o.Log = "127.0.0.1:0", t.Output()
	site := New(store, o)
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	t.Cleanup(site.Close)
	return server.URL
}

// appearance is one way to look at a page.
type appearance struct {
	name          string
	width, height int64
	scheme        string
}

var appearances = []appearance{
	{"desktop-light", 1280, 900, "light"},
	{"desktop-dark", 1280, 900, "dark"},
	{"phone-light", 390, 844, "light"},
	{"small-dark", 360, 740, "dark"},
}

// everyPage are the paths of all pages of a history that holds something.
func everyPage(t *testing.T, store *history.Store) map[string]string {
	t.Helper()
	list, _, err := store.Sweeps(t.Context(), "", "", history.Page{Limit: 1})
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	return map[string]string{
		"open": "/", "filtered": "/?only=critical&vantage=internet", "fixed": "/?state=fixed", "nothing-found": "/?range=192.0.2.1", "changes": "/changes", "trend": "/trend",
		"matrix": "/matrix", "host": "/host/" + pretend.HostIPv4, "host6": "/host/" + pretend.HostIPv6, "sweeps": "/sweeps", "sweep": sweepPath(list[0].Scan), "refused": "/?range=nonsense",
	}
}

// TestPagesInChromium looks at every page as people do, with servers that say
// what would run, hide or turn around what stands beside it. With -artifacts the
// screenshots are kept.
func TestPagesInChromium(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]pretend.Size{
		"empty": {}, "calm": {Sweeps: 3}, "ten": {Exposures: 10, Sweeps: 20}, "hostile": {Exposures: 400, Sweeps: 60, Hostile: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, store := serveSite(t, size, Options{Version: "1.2.3"})
			pages := map[string]string{"open": "/", "changes": "/changes", "trend": "/trend", "matrix": "/matrix", "sweeps": "/sweeps", "login": "/login"}
			if size.Exposures > 0 {
				pages = everyPage(t, store)
			}
			if size.Exposures < 100 {
				delete(pages, "host6")
			}
			ctx, journal := chromium.Open(t)
			for page, path := range pages {
				for _, a := range appearances {
					lookAt(t, ctx, name+"-"+page+"-"+a.name, server+path, a)
					complaints, loaded := journal.Take()
					for _, c := range complaints {
						if page != "refused" || !strings.Contains(c, "400") {
							t.Errorf("%s, %s: the browser complains: %q", page, a.name, c)
						}
					}
					for _, l := range loaded {
						if !strings.HasPrefix(l, server+"/") {
							t.Errorf("%s, %s: the browser asks elsewhere: %s", page, a.name, l)
						}
					}
				}
			}
		})
	}
}

// sight is what a look at a page shows.
type sight struct {
	Title, Overflow        string
	Faint, Unlabelled      []string
	Squeezed               []string
	Scripts, Images, Heads int
}

func lookAt(t *testing.T, ctx context.Context, name, address string, a appearance) {
	t.Helper()
	chromium.Call(t, ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: a.width, Height: a.height, DeviceScaleFactor: 1, Mobile: a.width < 500,
	})
	chromium.Call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: a.scheme}},
	})
	chromium.Ask(t, ctx, chromedp.Navigate(address))
	chromium.Evaluate[chromedp.Void](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true);
		document.querySelectorAll(".card").forEach(c => c.style.contentVisibility = "visible")`)
	s := chromium.Evaluate[sight](t, ctx, inspect)
	chromium.Evaluate[chromedp.Void](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = false)`)
	picture := chromium.Ask(t, ctx, chromedp.FullScreenshot(100))
	if !strings.HasSuffix(s.Title, "memsweep") || s.Scripts != 1 || s.Images > 0 || s.Heads != 1 {
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
		t.Errorf("%s: a screen reader cannot name, or find its way by: %q", name, s.Unlabelled)
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
  const order = heads => { let before = 0; return [...document.querySelectorAll(heads)].filter(h => { const n = +h.tagName[1], bad = n > before + 1; before = n; return bad; }); };
  const faint = new Set(), squeezed = [];
  for (const e of document.body.querySelectorAll("*")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    if (!e.getClientRects().length || e.closest(".unseen, .skip, option")) continue;
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (box.width < 60 && box.height > 4 * box.width) squeezed.push(e.tagName + "." + e.className);
    const [x, y] = [luminance(style.color), luminance(behind(e))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    const ratio = (x + .05) / (y + .05);
    if (ratio < (large ? 3 : 4.5)) faint.add(e.tagName + "." + e.className + " " + ratio.toFixed(2));
  }
  const wide = [...document.body.querySelectorAll("*")].find(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre, .skip, .unseen, thead") && e.getClientRects().length);
  const unlabelled = [...document.querySelectorAll("table")].filter(e => !e.caption && !e.closest("[aria-label]"))
    .concat([...document.querySelectorAll("th")].filter(e => !e.scope))
    .concat([...document.querySelectorAll("input:not([type=hidden], [hidden]), select")].filter(e => !e.labels.length))
    .concat([...document.querySelectorAll("a, button")].filter(e => !(e.getAttribute("aria-label") || e.textContent).trim()))
    .concat([...document.querySelectorAll("[id]")].filter(e => document.querySelectorAll("#" + CSS.escape(e.id)).length > 1))
    .concat(order("h1, h2, h3, h4"))
    .concat([...document.querySelectorAll("[aria-labelledby]")].filter(e => e.getAttribute("aria-labelledby").split(" ").some(id => !document.getElementById(id))));
  return {
    title: document.title, scripts: document.scripts.length, images: document.images.length, heads: document.querySelectorAll("h1").length,
    overflow: wide ? wide.tagName + "." + wide.className : document.documentElement.scrollWidth > innerWidth ? "something" : "", faint: [...faint], squeezed, unlabelled: unlabelled.map(e => e.outerHTML.slice(0, 80)),
  };
})()`
