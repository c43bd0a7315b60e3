package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"

	"github.com/memsweep/memsweep/internal/schedule"
)

// acceptable is the exposure that `systemd-analyze security` may find, of 100. What is left
// is the network, which sweeping takes, and the host's files, read-only.
const acceptable = "13"

// units lays the units out as they would be installed, an instance of each
// template too, and a program where they expect one.
func units(t *testing.T, dropIns map[string]string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	program := write(t, filepath.Join(folder, "memsweep"), "#!/bin/sh\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	for source, names := range map[string][]string{
		"memsweep.service":       {"memsweep.service"},
		"memsweep-scan@.service": {"memsweep-scan@.service", "memsweep-scan@office.service"},
		"memsweep-scan@.timer":   {"memsweep-scan@.timer", "memsweep-scan@office.timer"},
	} {
		text := read(t, filepath.Join("systemd", source))
		for _, name := range names {
			path := write(t, filepath.Join(folder, name), strings.ReplaceAll(text, "/usr/local/bin/memsweep", program))
			for dropIn, text := range dropIns {
				if strings.HasSuffix(name, ".service") {
					write(t, filepath.Join(path+".d", dropIn), text)
				}
			}
		}
	}
	return folder
}

func TestUnitsVerify(t *testing.T) {
	t.Parallel()
	need(t, "systemd-analyze", "systemd", "MEMSWEEP_REQUIRE_SYSTEMD")
	scope := write(t, filepath.Join(t.TempDir(), "scope.yaml"), "allow: [198.51.100.0/24, \"2001:db8::/32\"]\ndeny: [198.51.100.10]\nauthorised_by: Jane\nvalid_until: 2099-12-31\n")
	filter := run(t, memsweep(t), "scope", "systemd", scope, "10.20.0.0/16")
	raw := read(t, "systemd/raw-engine.conf")
	for _, dropIns := range []map[string]string{nil, {"scope.conf": filter}, {"scope.conf": filter, "raw-engine.conf": raw}} {
		folder := units(t, dropIns)
		for _, unit := range []string{"memsweep.service", "memsweep-scan@office.service", "memsweep-scan@office.timer"} {
			if said := run(t, "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", filepath.Join(folder, unit)); said != "" {
				t.Errorf("%s: it complains: %s", unit, said)
			}
		}
	}
}

func TestUnitsAreTight(t *testing.T) {
	t.Parallel()
	need(t, "systemd-analyze", "systemd", "MEMSWEEP_REQUIRE_SYSTEMD")
	folder := units(t, nil)
	for _, unit := range []string{"memsweep.service", "memsweep-scan@office.service"} {
		run(t, "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+acceptable, filepath.Join(folder, unit))
	}
}

// TestStoppingHasTime: what stops memsweep gives it longer than it gives its sweeps,
// for the books and for who is being told.
func TestStoppingHasTime(t *testing.T) {
	t.Parallel()
	least := schedule.Patience + 30*time.Second
	given := map[string]time.Duration{}
	for _, unit := range []string{"memsweep.service", "memsweep-scan@.service"} {
		_, text, _ := strings.Cut(read(t, filepath.Join("systemd", unit)), "\nTimeoutStopSec=")
		text, _, _ = strings.Cut(text, "\n")
		given[unit], _ = time.ParseDuration(strings.TrimSuffix(text, "in")) // 3min
	}
	_, text, _ := strings.Cut(read(t, "compose/compose.yaml"), "\n    stop_grace_period: ")
	text, _, _ = strings.Cut(text, " ")
	given["compose.yaml"], _ = time.ParseDuration(text)
	list := manifests(t)
	for name, spec := range map[string]core.PodSpec{
		"cronjob.yaml": list["cronjob.yaml"].(*batch.CronJob).Spec.JobTemplate.Spec.Template.Spec, "deployment.yaml": list["deployment.yaml"].(*apps.Deployment).Spec.Template.Spec,
	} {
		if s := spec.TerminationGracePeriodSeconds; s != nil {
			given[name] = time.Duration(*s) * time.Second
		}
	}
	for _, name := range []string{"memsweep.service", "memsweep-scan@.service", "compose.yaml", "cronjob.yaml", "deployment.yaml"} {
		if given[name] < least {
			t.Errorf("%s gives it %s, less than %s", name, given[name], least)
		}
	}
}

// TestOnePort: wherever the page's address is written, it is the one that the
// program takes.
func TestOnePort(t *testing.T) {
	t.Parallel()
	_, port, _ := strings.Cut(schedule.Page, ":")
	files := map[string]bool{"systemd/run.yaml": true, "compose/config/run.yaml": true, "compose/compose.yaml": true, "kubernetes/deployment.yaml": true}
	for _, pattern := range []string{"*/*.yaml", "*/*/*.yaml", "*/*.service", "*.md", "../docs/*.md", "../README.md", "../internal/schedule/example.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			found := regexp.MustCompile(`\b84\d\d\b`).FindAllString(read(t, name), -1)
			if i := slices.IndexFunc(found, func(p string) bool { return p != port }); i >= 0 {
				t.Errorf("%s has port %s, not %s", name, found[i], port)
			}
			if files[name] && len(found) == 0 {
				t.Errorf("%s has no port of the page", name)
			}
			delete(files, name)
		}
	}
	if len(files) > 0 {
		t.Errorf("not looked at: %v", files)
	}
}

// TestUnitsAreAlike: what keeps one in keeps the other in.
func TestUnitsAreAlike(t *testing.T) {
	t.Parallel()
	own := []string{"Type", "NotifyAccess", "ExecStart", "ExecReload", "SuccessExitStatus", "Restart", "RestartSec", "WatchdogSec", "TimeoutStartSec"}
	settings := func(name string) (list []string) {
		_, service, _ := strings.Cut(read(t, filepath.Join("systemd", name)), "[Service]")
		service, _, _ = strings.Cut(service, "[Install]")
		for line := range strings.Lines(service) {
			line = strings.TrimSpace(line)
			if key, _, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") && !slices.Contains(own, key) {
				list = append(list, line)
			}
		}
		return list
	}
	always, once := settings("memsweep.service"), settings("memsweep-scan@.service")
	if len(always) < 30 || !slices.Equal(always, once) {
		t.Errorf("memsweep.service has\n%s\n\nmemsweep-scan@.service\n%s", strings.Join(always, "\n"), strings.Join(once, "\n"))
	}
}
