package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNothingLeadsOut: whatever a link in an image says, only the image's own
// files are read.
func TestNothingLeadsOut(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	files{"secret": "-l 203.0.113.9 -u leaked\n"}.write(t, outside)
	for name, target := range map[string]string{
		"absolute": filepath.Join(outside, "secret"),
		"relative": strings.Repeat("../", 40) + strings.TrimPrefix(filepath.Join(outside, "secret"), "/"),
		"folder":   "../conf/secret",
		"itself":   "memcached.conf",
		"proc":     "/proc/self/root" + filepath.Join(outside, "secret"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := files{unitAt: debianUnit, "conf": "-> " + outside, confAt: "-> " + target, programAt: program, "etc/x": ""}
			r, got := image(t, f)
			if strings.Contains(got, "203.0.113.9") || strings.Contains(string(r.Plan), "leaked") {
				t.Errorf("%s: the file outside was read: %s", target, got)
			}
			if name == "itself" && !strings.HasSuffix(got, "incomplete") {
				t.Errorf("a loop of links passes for no file: %s", got)
			}
		})
	}
}

// TestLinksInside: an absolute link starts at the image's root, and .. ends there.
func TestLinksInside(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/srv/real.conf", "../../../../srv/real.conf", "/alias/real.conf", "/loop/../srv/./real.conf"} {
		f := files{unitAt: debianUnit, confAt: "-> " + target, programAt: program, "srv/real.conf": "-u x -l 10.9.8.7",
			"alias": "-> /srv", "loop": "-> srv"}
		if _, got := image(t, f); got != "tcp 10.9.8.7:11211 open, complete" {
			t.Errorf("%s: %s", target, got)
		}
	}
}

// TestHostileFiles: each is refused for what it is, and never passes for none.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"binary": "-u x\x00-l 10.0.0.1", "huge": strings.Repeat("# a line that says nothing\n", 1<<16), "a folder": "",
	} {
		root := t.TempDir()
		f := files{unitAt: debianUnit, confAt: content, programAt: program}
		if name == "a folder" {
			delete(f, confAt)
			if err := os.MkdirAll(filepath.Join(root, confAt), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		f.write(t, root)
		r, err := Run(t.Context(), Options{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		if got := summary(t, r); got != "incomplete" || !strings.Contains(strings.Join(r.Problems, "\n"), "/"+confAt) {
			t.Errorf("%s: %s, %q", name, got, r.Problems)
		}
	}
	if _, err := Run(t.Context(), Options{Root: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a root that is not there is no error")
	}
}
