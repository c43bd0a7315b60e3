package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/chromium"
	"github.com/memsweep/memsweep/internal/pretend"
)

const (
	rows = `document.querySelectorAll("table.list tbody tr").length`
	here = `location.pathname + location.search`
)

// until waits for something to become true in the page, or in the one that takes
// its place meanwhile.
func until(t *testing.T, ctx context.Context, what string) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(chromium.Patience / 2); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var yes bool
		if yes, err = chromedp.Run(ctx, chromedp.Evaluate[bool](what)); err == nil && yes {
			return
		}
	}
	t.Fatalf("never true: %s (%v)", what, err)
}

func visit(t *testing.T, ctx context.Context, address string) {
	t.Helper()
	chromium.Ask(t, ctx, chromedp.Navigate(address))
}

// click follows a link or presses a button that leads to another page.
func click(t *testing.T, ctx context.Context, selector string) {
	t.Helper()
	chromium.Evaluate[chromedp.Void](t, ctx, `window.old = true`)
	chromium.Ask(t, ctx, chromedp.Click(chromedp.CSS(selector)))
	until(t, ctx, `!window.old && document.readyState === "complete"`)
}

// TestWalk goes the main paths: from the counts to a list, to a part of it, to a
// host, and back; by the form, through the parts of a list, and to a document.
func TestWalk(t *testing.T) {
	t.Parallel()
	server, _ := serveSite(t, pretend.Size{Exposures: 260, Sweeps: 10}, Options{})
	ctx, journal := chromium.Open(t)
	visit(t, ctx, server+"/")
	if n := chromium.Evaluate[int](t, ctx, rows); n != 100 {
		t.Errorf("%d rows", n)
	}
	first := chromium.Evaluate[string](t, ctx, `document.querySelector("table.list tbody").textContent`)
	click(t, ctx, `a[rel=next]`)
	if n := chromium.Evaluate[int](t, ctx, rows); n != 100 || chromium.Evaluate[string](t, ctx, `document.querySelector("table.list tbody").textContent`) == first {
		t.Errorf("%d rows in the second part", n)
	}
	click(t, ctx, `.pager a:first-child`)
	if chromium.Evaluate[string](t, ctx, `document.querySelector("table.list tbody").textContent`) != first {
		t.Error("the way back to the first part leads elsewhere")
	}
	click(t, ctx, `a.tile.critical`)
	if others := chromium.Evaluate[int](t, ctx, `document.querySelectorAll("table.list tbody tr:not(.critical)").length`); others > 0 || chromium.Evaluate[int](t, ctx, rows) == 0 {
		t.Errorf("%d rows of other severities", others)
	}
	chromium.Ask(t, ctx, chromedp.SetValue(chromedp.CSS("#f-vantage"), "internet"))
	chromium.Ask(t, ctx, chromedp.SetValue(chromedp.CSS("#f-range"), "10.0.0.0/24"))
	click(t, ctx, `.filter button`)
	address := chromium.Evaluate[string](t, ctx, here)
	if !strings.Contains(address, "vantage=internet") || !strings.Contains(address, "only=critical") || !strings.Contains(address, "range=10.0.0.0") {
		t.Errorf("the form leads to %s", address)
	}
	if chips := chromium.Evaluate[int](t, ctx, `document.querySelectorAll(".chip").length`); chips != 3 {
		t.Errorf("%d chips", chips)
	}
	filtered := chromium.Evaluate[int](t, ctx, rows)
	click(t, ctx, `.chip`)
	if n := chromium.Evaluate[int](t, ctx, rows); n < filtered || strings.Contains(chromium.Evaluate[string](t, ctx, here), "range=") {
		t.Errorf("%d rows with %d before", n, filtered)
	}
	ip := chromium.Evaluate[string](t, ctx, `document.querySelector("table.list tbody th a").pathname`)
	click(t, ctx, `table.list tbody th a`)
	if got := chromium.Evaluate[string](t, ctx, here); got != ip || chromium.Evaluate[int](t, ctx, `document.querySelectorAll(".card").length`) == 0 {
		t.Errorf("the host is at %s", got)
	}
	chromium.Ask(t, ctx, chromedp.NavigateBack())
	until(t, ctx, rows+` > 0`)
	for _, entry := range frame.Entries(frame{}) {
		click(t, ctx, `nav a[href="`+entry.Path+`"]`)
		if chromium.Evaluate[int](t, ctx, `document.querySelectorAll('nav a[aria-current="page"]').length`) != 1 || chromium.Evaluate[string](t, ctx, here) != entry.Path {
			t.Errorf("%s is not where the navigation says", entry.Path)
		}
	}
	click(t, ctx, `table.sweeps tbody th a`)
	if h := chromium.Evaluate[string](t, ctx, `document.querySelector("h1").textContent`); !strings.HasPrefix(h, "Sweep from ") {
		t.Errorf("a sweep says %q", h)
	}
	if complaints, _ := journal.Take(); len(complaints) > 0 {
		t.Errorf("the browser complains: %q", complaints)
	}
}

// TestDocuments: what a page offers as a document has the rows that it shows, and
// not only those of its part.
func TestDocuments(t *testing.T) {
	t.Parallel()
	server, store := serveSite(t, pretend.Size{Exposures: 300, Sweeps: 10}, Options{})
	ctx, _ := chromium.Open(t)
	all, err := store.Count(t.Context(), history.Filter{Vantage: "office"})
	if err != nil {
		t.Fatal(err)
	}
	visit(t, ctx, server+"/?vantage=office&limit=10")
	links := chromium.Evaluate[[]string](t, ctx, `[...document.querySelectorAll(".exports a")].map(a => a.href)`)
	if len(links) != 3 {
		t.Fatal(links)
	}
	for _, link := range links {
		answer, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if n := bytes.Count(body, []byte("office")); err != nil || n < all {
			t.Errorf("%s: %d of %d rows, %v", link, n, all, err)
		}
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", link, answer.Status)
		}
	}
	lines := chromium.Evaluate[int](t, ctx, `fetch(document.querySelector(".exports a").href).then(r => r.text()).then(t => t.trim().split("\n").length)`, chromedp.EvalAwaitPromise)
	if lines != all+1 || all < 20 {
		t.Errorf("the csv has %d lines, of %d exposures", lines, all)
	}
}

// TestKeys walks with the keyboard alone.
func TestKeys(t *testing.T) {
	t.Parallel()
	server, _ := serveSite(t, pretend.Size{Exposures: 10, Sweeps: 10}, Options{})
	ctx, _ := chromium.Open(t)
	visit(t, ctx, server+"/")
	press := func(key string) { t.Helper(); chromium.Ask(t, ctx, chromedp.KeyEvent(key)) }
	const focused = `document.activeElement.id || document.activeElement.textContent.trim()`
	press(kb.Tab)
	if at := chromium.Evaluate[string](t, ctx, focused); !strings.HasPrefix(at, "Skip") {
		t.Errorf("the first tab leads to %q", at)
	}
	if chromium.Evaluate[float64](t, ctx, `document.activeElement.getBoundingClientRect().left`) < 0 {
		t.Error("the skip link is not seen when it has the focus")
	}
	press(kb.Enter)
	if at := chromium.Evaluate[string](t, ctx, `document.activeElement.id`); at != "main" {
		t.Errorf("it skips to %q", at)
	}
	press("j")
	press("j")
	press("k")
	if at := chromium.Evaluate[int](t, ctx, `[...document.querySelectorAll("table.list tbody tr")].findIndex(r => r.contains(document.activeElement))`); at != 0 {
		t.Errorf("j, j, k leads to row %d", at)
	}
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} { // as a keyboard does it: the letter comes of the key
		chromium.Call(t, ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: "/", Text: "/", Code: "Slash"})
	}
	if at := chromium.Evaluate[string](t, ctx, `document.activeElement.id`); at != "search" {
		t.Errorf("/ leads to %q", at)
	}
	press("10.0.0.4/jk") // they are text there
	if v := chromium.Evaluate[string](t, ctx, `document.activeElement.value`); v != "10.0.0.4/jk" {
		t.Errorf("the field says %q", v)
	}
	for range 3 {
		press(kb.Backspace)
	}
	chromium.Evaluate[chromedp.Void](t, ctx, `window.old = true`)
	press(kb.Enter)
	until(t, ctx, `!window.old && document.readyState === "complete"`)
	if at := chromium.Evaluate[string](t, ctx, here); at != "/?range=10.0.0.4" {
		t.Errorf("the search leads to %s", at)
	}
	press(kb.Tab)
	unseen := chromium.Evaluate[[]string](t, ctx, `(() => { const bad = [];
		for (const e of document.querySelectorAll("a, button, input:not([type=hidden]), select, [tabindex='0']")) {
			if (!e.checkVisibility() || e.closest("[hidden]")) continue;
			e.focus();
			const s = getComputedStyle(e);
			if (document.activeElement !== e || s.outlineStyle === "none") bad.push(e.outerHTML.slice(0, 80));
		} return bad; })()`)
	if len(unseen) > 0 {
		t.Errorf("whoever tabs does not see where they are: %q", unseen)
	}
}

// TestNames asks the browser how it would present the pages to a screen reader.
func TestNames(t *testing.T) {
	t.Parallel()
	server, store := serveSite(t, pretend.Size{Exposures: 10, Sweeps: 10}, Options{})
	ctx, _ := chromium.Open(t)
	roles := []string{"button", "link", "textbox", "searchbox", "combobox", "checkbox", "img", "image", "table", "progressbar", "navigation", "form", "region"}
	for name, path := range everyPage(t, store) {
		if name == "host6" {
			continue
		}
		visit(t, ctx, server+path)
		tree, err := chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, node := range tree.Nodes {
			if node.Ignored || node.Role == nil {
				continue
			}
			role := strings.Trim(string(node.Role.Value), `"`)
			seen[role]++
			if slices.Contains(roles, role) && (node.Name == nil || strings.Trim(string(node.Name.Value), `" `) == "") {
				t.Errorf("%s: a %s without a name", name, role)
			}
		}
		if seen["main"] != 1 || seen["banner"] != 1 || seen["navigation"] == 0 || seen["contentinfo"] != 1 || seen["heading"] == 0 {
			t.Errorf("%s: landmarks are missing: %v", name, seen)
		}
	}
}

// TestSignIn: in with the token alone, on to where one wanted to be, and out.
func TestSignIn(t *testing.T) {
	t.Parallel()
	server, _ := serveSite(t, pretend.Size{Exposures: 10, Sweeps: 3}, Options{Token: []byte("a token that is long enough")})
	ctx, journal := chromium.Open(t)
	visit(t, ctx, server+"/changes?kind=new")
	if got := chromium.Evaluate[string](t, ctx, here); !strings.HasPrefix(got, "/login?next=") || chromium.Evaluate[int](t, ctx, `document.querySelectorAll("nav, table").length`) > 0 {
		t.Fatalf("it lets in: %s", got)
	}
	for _, a := range chromium.All {
		lookAt(t, ctx, "login", server+"/login?next=/changes%3Fkind=new", a)
	}
	journal.Take()
	chromium.Ask(t, ctx, chromedp.SetValue(chromedp.CSS("#token"), "not the token"))
	click(t, ctx, ".door button")
	if alert := chromium.Evaluate[string](t, ctx, `document.querySelector("[role=alert]").textContent`); alert != "This is not the token." {
		t.Errorf("it says %q", alert)
	}
	chromium.Ask(t, ctx, chromedp.SetValue(chromedp.CSS("#token"), "a token that is long enough"))
	click(t, ctx, ".door button")
	if got := chromium.Evaluate[string](t, ctx, here); got != "/changes?kind=new" {
		t.Errorf("it leads to %s", got)
	}
	click(t, ctx, ".leave button")
	if got := chromium.Evaluate[string](t, ctx, here); got != "/login" {
		t.Errorf("signing out leads to %s", got)
	}
	visit(t, ctx, server+"/")
	if got := chromium.Evaluate[string](t, ctx, here); got != "/login?next=%2F" {
		t.Errorf("after signing out: %s", got)
	}
	complaints, _ := journal.Take()
	for _, c := range complaints {
		if !strings.Contains(c, "401") {
			t.Errorf("the browser complains: %q", c)
		}
	}
}

// TestCopy: the button copies the lines as they are.
func TestCopy(t *testing.T) {
	t.Parallel()
	server, _ := serveSite(t, pretend.Size{Exposures: 10, Sweeps: 3}, Options{})
	ctx, _ := chromium.Open(t)
	visit(t, ctx, server+"/host/10.0.0.3")
	chromium.Evaluate[chromedp.Void](t, ctx, `navigator.clipboard.writeText = async text => { window.copied = text; }`)
	chromium.Ask(t, ctx, chromedp.Click(chromedp.CSS("figure.lines .copy")))
	until(t, ctx, `window.copied !== undefined && window.copied === document.querySelector("figure.lines code").textContent && window.copied !== ""`)
}
