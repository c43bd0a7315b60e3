package schedule

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testReading = Reading{Now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Host: "here"}

// Whatever a file holds, reading it ends, and what is accepted can be run.
func FuzzParse(f *testing.F) {
	dir := f.TempDir()
	f.Add([]byte("history: h.db\njobs:\n  a: {targets: 127.0.0.1, every: 24h}\n"))
	f.Add([]byte("history: h.db\nzone: Europe/Berlin\njobs:\n  a:\n    targets: [127.0.0.0/24]\n    at: [\"03:10\"]\n    jitter: 10m\n    blackout: [\"08:00-10:00\", {days: [mon-fri, sun], dates: [2026-12-24..2027-01-06]}]\n"))
	f.Add([]byte("history: h.db\njobs:\n  a: {targets: 127.0.0.1, cron: \"10 3 * * 1-5\", reports: [\"json=r-{date}.json\"]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, filepath.Join(dir, "run.yaml"), testReading)
		if err != nil {
			return
		}
		if len(c.Jobs) == 0 || c.History == "" {
			t.Fatalf("%+v", c)
		}
		for _, j := range c.Jobs {
			if due := j.When.Next(testReading.Now); !due.After(testReading.Now) {
				t.Fatalf("%s is due at %s", j.Name, due)
			}
			if len(j.Command(dir, testReading.Now)) == 0 {
				t.Fatal("no command")
			}
		}
	})
}

func TestUnknownKeysAreSuggested(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom(jobKeys).Draw(t, "key")
		if editDistance(key, key) != 0 {
			t.Fatal("a distance to itself")
		}
		other := rapid.String().Draw(t, "other")
		if d := editDistance(other, key); d == 0 && other != key {
			t.Fatalf("no distance from %q to %q", other, key)
		}
	})
}

// What a report would be written over is known before anything starts.
func TestReportsSpareWhatIsRead(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"list.txt", "h.db"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("127.0.0.1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("h.db", filepath.Join(dir, "link.db")); err != nil {
		t.Skip(err)
	}
	for path, refused := range map[string]bool{
		"h.db": true, "h.db-wal": true, "./run.yaml": true, "list.txt": true, "link.db": true, filepath.Join(dir, "h.db"): true, "-": true,
		"h.html": false, "list-{date}.txt": false,
	} {
		text := "history: h.db\njobs:\n  a: {lists: list.txt, every: 24h, reports: [\"html=" + path + "\"]}\n"
		if _, err := Parse([]byte(text), filepath.Join(dir, "run.yaml"), testReading); (err != nil) != refused {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A history is one, by whatever name: its locks are beside the file itself.
func TestHistoryIsFollowed(t *testing.T) {
	dir := t.TempDir()
	for name, to := range map[string]string{"link.db": "other.db", "other.db": filepath.Join(dir, "h.db"), "loop.db": "loop.db"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	for name, want := range map[string]string{"h.db": "h.db", "link.db": "h.db", "other.db": "h.db", "loop.db": ""} {
		c, err := Parse([]byte("history: "+name+"\njobs:\n  a: {targets: 127.0.0.1, every: 24h}\n"), filepath.Join(dir, "run.yaml"), testReading)
		if want == "" && err == nil {
			t.Errorf("%s: no error", name)
		} else if want != "" && (err != nil || c.History != filepath.Join(dir, want)) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}
