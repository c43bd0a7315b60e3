package web

import (
	"context"
	"database/sql"
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

// TestMain shares one browser.
func TestMain(m *testing.M) { chromium.Main(m) }

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
// what would run, hide or turn around what stands beside it.
func TestPagesInChromium(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]pretend.Size{
		"empty": {}, "calm": {Sweeps: 3}, "ten": {Exposures: 10, Sweeps: 20}, "hostile": {Exposures: 130, Sweeps: 30, Hostile: true},
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
			appearances := chromium.Two
			if size.Hostile { // it has everything that the others have
				appearances = chromium.All
			}
			ctx, journal := chromium.Open(t)
			for page, path := range pages {
				for _, a := range appearances {
					lookAt(t, ctx, name+"-"+page, server+path, a)
					complaints, loaded := journal.Take()
					for _, c := range complaints {
						if page != "refused" || !strings.Contains(c, "400") {
							t.Errorf("%s, %s: the browser complains: %q", page, a.Name, c)
						}
					}
					for _, l := range loaded {
						if !strings.HasPrefix(l, server+"/") {
							t.Errorf("%s, %s: the browser asks elsewhere: %s", page, a.Name, l)
						}
					}
				}
			}
		})
	}
}

// lookAt looks at a page of ours.
func lookAt(t *testing.T, ctx context.Context, name, address string, a chromium.Appearance) {
	t.Helper()
	s := chromium.Look(t, ctx, name, address, a)
	if !strings.HasSuffix(s.Title, "memsweep") || s.Scripts != 1 || s.Images > 0 || s.Heads != 1 {
		t.Errorf("%s: somebody else's words are more than text: %+v", name, s)
	}
}

// TestLongWords: text of servers that is long, empty, or not to be seen breaks no
// page.
func TestLongWords(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.db")
	if err := pretend.Write(t.Context(), path, pretend.Size{Exposures: 10, Sweeps: 3, Hostile: true}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("W", 10_000)
	for _, change := range []string{
		`UPDATE detail SET version = '` + long + `', owner = '` + long + `', product = '` + long + `', service = '` + long + `'`,
		`UPDATE exposure SET owner = '` + long + `', names = '["` + long + `", "\u202e\u0000\u200b", ""]'`,
		`UPDATE vantage SET name = '` + long + `' || id`,
		`UPDATE sweep SET job = '` + long + `', problems = '["` + long + `"]', status = 'incomplete'`,
		`UPDATE run SET problem = '` + long + `', outcome = 'failed', job = id || '` + long + `'`,
	} {
		if _, err := db.Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	store, err := history.Open(t.Context(), path, history.Existing)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	server := serveStore(t, store, Options{})
	ctx, journal := chromium.Open(t)
	for name, path := range everyPage(t, store) {
		if name == "host6" || name == "filtered" {
			continue
		}
		for _, a := range chromium.Two {
			lookAt(t, ctx, "long-"+name, server+path, a)
		}
		complaints, _ := journal.Take()
		for _, c := range complaints {
			if !strings.Contains(c, "400") {
				t.Errorf("%s: the browser complains: %q", name, c)
			}
		}
	}
}

// TestPrint keeps what the pages are on paper.
func TestPrint(t *testing.T) {
	t.Parallel()
	server, store := serveSite(t, pretend.Size{Exposures: 60, Sweeps: 20}, Options{})
	ctx, _ := chromium.Open(t)
	for name, path := range everyPage(t, store) {
		if name == "host6" {
			continue
		}
		visit(t, ctx, server+path)
		pdf := chromium.Ask(t, ctx, chromedp.PrintToPDF())
		if !strings.HasPrefix(string(pdf), "%PDF-") {
			t.Errorf("%s does not print", name)
		}
		if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name+".pdf"), pdf, 0o600); err != nil {
			t.Error(err)
		}
		chromium.Call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		if shown := chromium.Evaluate[int](t, ctx, `[...document.querySelectorAll("nav, .filter, .search, .copy, .pager")].filter(e => e.checkVisibility() && e.getClientRects().length && !e.closest(".tiles")).length`); shown > 0 {
			t.Errorf("%s: %d controls on paper", name, shown)
		}
		chromium.Call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	}
	const paper = `[...document.querySelectorAll(".paper")].filter(e => e.checkVisibility()).map(e => e.textContent).join(" ")`
	for path, want := range map[string]string{
		"/": "", "/?severity=high&vantage=internet": "Filtered: Severity: high or worse; Seen from: internet (untrusted).", "/changes?limit=5": "This is a part of the list: there is more of it.",
	} {
		visit(t, ctx, server+path)
		onScreen := chromium.Evaluate[string](t, ctx, paper)
		chromium.Call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		if got := chromium.Evaluate[string](t, ctx, paper); got != want || onScreen != "" {
			t.Errorf("%s: on paper it says %q of what it leaves out, on the screen %q", path, got, onScreen)
		}
		chromium.Call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	}
}
