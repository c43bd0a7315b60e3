package chromium

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Appearance is one way to look at a page.
type Appearance struct {
	Name          string
	Width, Height int64
	Scheme        string
}

// The appearances: each width once in light and once in dark. Two of them have
// both widths and both schemes between them.
var (
	Desktop = Appearance{"desktop-light", 1280, 900, "light"}
	Night   = Appearance{"desktop-dark", 1280, 900, "dark"}
	Phone   = Appearance{"phone-light", 390, 844, "light"}
	Small   = Appearance{"small-dark", 360, 740, "dark"}

	All = []Appearance{Desktop, Night, Phone, Small}
	Two = []Appearance{Desktop, Small}
)

// Sight is what a look at a page shows of what may be somebody else's doing.
type Sight struct {
	Title                  string
	Scripts, Images, Heads int
}

// finding is what is wrong with a page, whatever it is of.
type finding struct {
	Overflow                    string
	Faint, Unlabelled, Squeezed []string
}

// Look opens a page as a person does, with everything unfolded, and complains of
// what makes it hard to read. With -artifacts a picture is kept.
func Look(t *testing.T, ctx context.Context, name, address string, a Appearance) Sight {
	t.Helper()
	Call(t, ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: a.Width, Height: a.Height, DeviceScaleFactor: 1, Mobile: a.Width < 500,
	})
	Call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: a.Scheme}},
	})
	Ask(t, ctx, chromedp.Navigate(address))
	Evaluate[chromedp.Void](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true);
		document.querySelectorAll(".card").forEach(c => c.style.contentVisibility = "visible")`)
	seen := Evaluate[struct {
		Sight
		finding
	}](t, ctx, inspect)
	name += "-" + a.Name
	if f := seen.finding; f.Overflow != "" || len(f.Squeezed)+len(f.Faint)+len(f.Unlabelled) > 0 {
		t.Errorf("%s: wider than the window: %q; a letter a line: %q; too little contrast: %q; a screen reader cannot name, or find its way by: %q",
			name, f.Overflow, f.Squeezed, f.Faint, f.Unlabelled)
	}
	keep(t, ctx, name)
	return seen.Sight
}

// keep keeps a picture of the page as it comes, if pictures are kept: to draw one
// takes as long as everything else.
func keep(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if f := flag.Lookup("test.artifacts"); f == nil || f.Value.String() != "true" {
		return
	}
	Evaluate[chromedp.Void](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = false)`)
	picture := Ask(t, ctx, chromedp.FullScreenshot(100))
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
