package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// steps are the README's commands under a title.
func steps(t *testing.T, title string) string {
	t.Helper()
	_, text, _ := strings.Cut(read(t, "README.md"), "**"+title+".**")
	text, _, ok := strings.Cut(text, "\n**")
	_, text, found := strings.Cut(text, "\n\n")
	text, _, end := strings.Cut(text, "\n\n")
	if !ok || !found || !end || !strings.Contains(text, "install ") {
		t.Fatalf("no steps for %s in README.md, but %q", title, text)
	}
	return text
}

// follow runs the steps as they stand, with a folder of the test for /etc and
// nobody for systemctl; instead are texts and what takes their place.
func follow(t *testing.T, title, etc string, instead ...string) (said string, err error) {
	t.Helper()
	programs := filepath.Dir(memsweep(t))
	if err := os.Chmod(write(t, filepath.Join(programs, "systemctl"), "#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	shell := exec.Command("sh", "-c", strings.NewReplacer(append(instead, " /etc/", " "+etc+"/", ">/etc/", ">"+etc+"/")...).Replace(steps(t, title)))
	shell.Env = append(os.Environ(), "PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"))
	text, err := shell.CombinedOutput()
	return string(text), err
}

func TestStepsForSystemd(t *testing.T) {
	t.Parallel()
	need(t, "install", "coreutils", "")
	for title, unit := range map[string]string{"systemd": "memsweep.service", "systemd timers": "memsweep-scan@.service"} {
		etc := t.TempDir()
		if said, err := follow(t, title, etc); err != nil || said != "" {
			t.Fatalf("%v: %s", err, said)
		}
		for _, name := range []string{"run.yaml", "scope.yaml"} {
			if read(t, filepath.Join(etc, "memsweep", name)) != read(t, filepath.Join("systemd", name)) {
				t.Errorf("%s is not what was shipped", name)
			}
		}
		if read(t, filepath.Join(etc, "systemd/system", unit)) != read(t, filepath.Join("systemd", unit)) {
			t.Errorf("%s is not what was shipped", unit)
		}
		if filter := read(t, filepath.Join(etc, "systemd/system", unit+".d/scope.conf")); !strings.Contains(filter, "\nIPAddressAllow=10.20.0.0/16\n") {
			t.Errorf("scope.conf does not have what run.yaml sweeps:\n%s", filter)
		}
		if left, _ := filepath.Glob(filepath.Join(etc, "memsweep", "*.new")); len(left) > 0 {
			t.Errorf("%q is left", left)
		}
	}
}

// TestStepsKeepTheLock: a scope that cannot be read leaves scope.conf as it was.
func TestStepsKeepTheLock(t *testing.T) {
	t.Parallel()
	need(t, "install", "coreutils", "")
	etc := t.TempDir()
	conf := write(t, filepath.Join(etc, "systemd/system/memsweep.service.d/scope.conf"), "as it was\n")
	unsigned := write(t, filepath.Join(t.TempDir(), "scope.yaml"), strings.ReplaceAll(read(t, "systemd/scope.yaml"), "authorised_by", "#"))
	said, err := follow(t, "systemd", etc, "systemd/scope.yaml", unsigned)
	if err == nil || !strings.Contains(said, "authorised_by is missing") {
		t.Errorf("%v: %s", err, said)
	}
	if text := read(t, conf); text != "as it was\n" {
		t.Errorf("scope.conf is %q", text)
	}
}
