package metrics_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/memsweep/memsweep/internal/metrics"
)

// TestLockedHistory takes the locks that every reader needs (SQLite's WAL file
// format, 2.3.1: bytes 120 to 127 of the shared memory), as no friend would. A
// scrape ends all the same, before Prometheus loses patience.
func TestLockedHistory(t *testing.T) {
	t.Parallel()
	store, path := newStore(t)
	shm, err := os.OpenFile(path+"-shm", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer shm.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: 120, Len: 8}
	if err := unix.FcntlFlock(shm.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		t.Fatal(err)
	}
	url := serve(t, store, metrics.Options{})
	begun := time.Now()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	took := time.Since(begun)
	said := strings.Contains(string(body), "memsweep_history_up 0\n") || response.StatusCode == http.StatusServiceUnavailable
	if err != nil || !said || took > 10*time.Second {
		t.Errorf("after %v: %s, %v\n%.2000s", took, response.Status, err, body)
	}
	t.Logf("%s after %v", response.Status, took)
}
