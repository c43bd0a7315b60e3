package web

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	browsing "github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium, or skips the test where there is none.
// What goes wrong inside of it, and what it loads, comes back in the journal.
func browser(t *testing.T) (context.Context, *journal) {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		if os.Getenv("MEMSWEEP_REQUIRE_CHROMIUM") != "" {
			t.Fatal("no chromium in PATH, and MEMSWEEP_REQUIRE_CHROMIUM is set")
		}
		t.Skip("no chromium in PATH (Debian: apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-pings", true), chromedp.Flag("proxy-server", "127.0.0.1:9"), chromedp.Flag("proxy-bypass-list", "127.0.0.1"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to run as root with one
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	j := &journal{}
	if err := chromedp.Listen(ctx, j.note); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	call(t, ctx, browsing.Enable, browsing.EnableParams{})
	call(t, ctx, log.Enable, cdp.Empty{})
	call(t, ctx, runtime.Enable, cdp.Empty{})
	return ctx, j
}

// patience is how long a browser on a busy machine may take for one thing.
const patience = 2 * time.Minute

// ask runs one action in the browser, or ends the test.
func ask[T any](t *testing.T, ctx context.Context, what chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, what)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func call[P, R any](t *testing.T, ctx context.Context, command cdp.Command[P, R], params P) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

func evaluate[T any](t *testing.T, ctx context.Context, script string, o ...chromedp.EvaluateOption) T {
	t.Helper()
	return ask(t, ctx, chromedp.Evaluate[T](script, o...))
}

// journal is what a browser complains about, and what it loads.
type journal struct {
	mu         sync.Mutex
	complaints []string
	loaded     []string
}

func (j *journal) note(event any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		j.complaints = append(j.complaints, "console: "+string(e.Type))
	case *runtime.EventExceptionThrown:
		j.complaints = append(j.complaints, e.ExceptionDetails.Text)
	case *log.EventEntryAdded: // violations of the content security policy are among them
		j.complaints = append(j.complaints, string(e.Entry.Source)+": "+e.Entry.Text)
	case *browsing.EventRequestWillBeSent:
		j.loaded = append(j.loaded, e.Request.URL)
	}
}

// take returns what was noted since the last time.
func (j *journal) take() (complaints, loaded []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	complaints, loaded = j.complaints, j.loaded
	j.complaints, j.loaded = nil, nil
	return complaints, loaded
}
