package schedule

import (
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
