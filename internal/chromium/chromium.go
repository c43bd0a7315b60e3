// Package chromium drives a real, headless Chromium for the tests of the pages
// that people look at. Tests only: it imports testing.
package chromium

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Main runs the tests of a package, and ends the browser that they shared.
func Main(m *testing.M) {
	code := m.Run()
	if shared.stop != nil {
		shared.stop()
	}
	os.Exit(code)
}

// shared is the one browser of a package's tests: to start one takes longer than
// most of them.
var shared struct {
	sync.Mutex
	browser context.Context // nil: it was not started yet
	stop    context.CancelFunc
}

// Open opens a window with a profile of its own, or skips the test where there is
// no Chromium. The package has Main as its TestMain. What goes wrong inside of the
// window, and what it loads, comes back in the journal.
func Open(t *testing.T) (context.Context, *Journal) {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser(t), chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	j := &Journal{}
	if err := chromedp.Listen(ctx, j.note); err != nil {
		t.Fatalf("open a window: %v", err)
	}
	Call(t, ctx, network.Enable, network.EnableParams{})
	Call(t, ctx, log.Enable, cdp.Empty{})
	Call(t, ctx, runtime.Enable, cdp.Empty{})
	return ctx, j
}

// browser starts the shared one, if nobody did yet.
func browser(t *testing.T) context.Context {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.browser != nil {
		return shared.browser
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program(t)), chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-pings", true), chromedp.Flag("proxy-server", "127.0.0.1:9"), chromedp.Flag("proxy-bypass-list", "127.0.0.1"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to run as root with one
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	shared.stop = func() { cancel(); stop() }
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start a browser: %v", err)
	}
	shared.browser = ctx
	return ctx
}

// program is where a Chromium is.
func program(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	if os.Getenv("MEMSWEEP_REQUIRE_CHROMIUM") != "" {
		t.Fatal("no chromium in PATH, and MEMSWEEP_REQUIRE_CHROMIUM is set")
	}
	t.Skip("no chromium in PATH (Debian: apt-get install chromium)")
	return ""
}

// Patience is how long a browser on a busy machine may take for one thing.
const Patience = 2 * time.Minute

// Ask runs one action in the browser, or ends the test.
func Ask[T any](t *testing.T, ctx context.Context, what chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, what)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// Call sends one command to the browser, or ends the test.
func Call[P, R any](t *testing.T, ctx context.Context, command cdp.Command[P, R], params P) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

// Evaluate runs a script in the page, or ends the test.
func Evaluate[T any](t *testing.T, ctx context.Context, script string, o ...chromedp.EvaluateOption) T {
	t.Helper()
	return Ask(t, ctx, chromedp.Evaluate[T](script, o...))
}

// Journal is what a browser complains about, and what it loads.
type Journal struct {
	mu         sync.Mutex
	complaints []string
	loaded     []string
}

func (j *Journal) note(event any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		j.complaints = append(j.complaints, "console: "+string(e.Type))
	case *runtime.EventExceptionThrown:
		j.complaints = append(j.complaints, e.ExceptionDetails.Text)
	case *log.EventEntryAdded: // violations of the content security policy are among them
		j.complaints = append(j.complaints, string(e.Entry.Source)+": "+e.Entry.Text)
	case *network.EventRequestWillBeSent:
		j.loaded = append(j.loaded, e.Request.URL)
	}
}

// Take returns what was noted since the last time.
func (j *Journal) Take() (complaints, loaded []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	complaints, loaded = j.complaints, j.loaded
	j.complaints, j.loaded = nil, nil
	return complaints, loaded
}
