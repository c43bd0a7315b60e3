package schedule

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDigests: what a sweep cannot take over when it goes on makes another digest,
// and nothing else does.
func TestDigests(t *testing.T) {
	dir := t.TempDir()
	digest := func(path, list, job string) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "list.txt"), []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Parse([]byte("history: h.db\njobs:\n  a: {"+job+", vantage: {name: v}}\n"), path, testReading)
		if err != nil {
			t.Fatal(err)
		}
		return c.Jobs[0].digest()
	}
	const job = "targets: 127.0.0.1, lists: list.txt, rate: 100, every: 24h"
	t.Chdir(dir)
	was := digest(filepath.Join(dir, "run.yaml"), "127.0.0.2\n", job)
	for name, c := range map[string]struct {
		path, list, job string
		same            bool
	}{
		"from elsewhere": {"run.yaml", "127.0.0.2\n", job, true},
		"less":           {"run.yaml", "127.0.0.2\n", job + ", exclude: 127.0.0.2, max_duration: 1h", true},
		"another time":   {"run.yaml", "127.0.0.2\n", "targets: 127.0.0.1, lists: list.txt, rate: 100, at: \"03:10\"", true},
		"another list":   {"run.yaml", "127.0.0.3\n", job, false},
		"another rate":   {"run.yaml", "127.0.0.2\n", "targets: 127.0.0.1, lists: list.txt, rate: 10, every: 24h", false},
		"a target less":  {"run.yaml", "127.0.0.2\n", "lists: list.txt, rate: 100, every: 24h", false},
		"a probe":        {"run.yaml", "127.0.0.2\n", job + ", probes: tcp", false},
	} {
		if got := digest(c.path, c.list, c.job); (got == was) != c.same {
			t.Errorf("%s: %s, and before %s", name, got, was)
		}
	}
}
