//go:build unix

package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/memsweep/memsweep/internal/notify"
)

func commandTarget(t *testing.T, more, script string) (target notify.Target, dir string) {
	t.Helper()
	dir = t.TempDir()
	path := filepath.Join(dir, "tell")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return targets(t, fmt.Sprintf("- {name: ticket, kind: command, command: ['%s', '%s', 'a b;$(c)']%s}\n", path, dir, more))[0], dir
}

func TestCommandGetsTheMessage(t *testing.T) {
	t.Setenv("MEMSWEEP_SECRET", "not for it")
	target, dir := commandTarget(t, "", `cat > "$1/in"; env > "$1/env"; printf '%s\n' "$#" "$2" > "$1/args"; echo done; echo also >&2`)
	m := hostileMessage()
	answer, err := target.Carry(context.Background(), m)
	if err != nil || !strings.HasPrefix(answer, "exit 0 done") {
		t.Fatal(answer, err)
	}
	in, err := os.ReadFile(filepath.Join(dir, "in"))
	var got notify.Message
	if err != nil || json.Unmarshal(in, &got) != nil || len(got.Events) != len(m.Events) {
		t.Fatalf("%v: %.100s", err, in)
	}
	fitsSchema(t, string(in))
	env, _ := os.ReadFile(filepath.Join(dir, "env"))
	for line := range strings.Lines(string(env)) {
		switch name, _, _ := strings.Cut(line, "="); name {
		case "PATH", "LC_ALL", "MEMSWEEP_MESSAGE", "MEMSWEEP_TARGET", "PWD", "SHLVL", "_", "OLDPWD":
		default:
			t.Errorf("the environment has %s", line)
		}
	}
	if !strings.Contains(string(env), "MEMSWEEP_MESSAGE=msg_HOSTILE\n") {
		t.Errorf("%s", env)
	}
	if args, _ := os.ReadFile(filepath.Join(dir, "args")); string(args) != "2\na b;$(c)\n" {
		t.Errorf("%q", args)
	}
}

func TestHowCommandsEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ script, prospect, says string }{
		"fine":           {"cat >/dev/null", "", "exit 0"},
		"never reads":    {"exit 0", "", "exit 0"},
		"later":          {"echo busy; exit 75", "again", "exit 75: busy"},
		"refused":        {"echo 'no \033[2J'; exit 1", "few", `exit 1: no \x1b[2J`},
		"too slow":       {"sleep 60", "again", "killed"},
		"talks":          {"head -c 1000000 /dev/zero | tr '\\0' x; exit 3", "few", "exit 3: xxx"},
		"kills itself":   {"kill -9 $$", "again", "signal: killed"},
		"leaves a child": {"sleep 60 & exit 0", "", "exit 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := ", timeout: 50s"
			if name == "too slow" {
				timeout = ", timeout: 1s"
			}
			target, _ := commandTarget(t, timeout, c.script)
			began := time.Now()
			answer, err := target.Carry(context.Background(), hostileMessage())
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
			prospect := ""
			if err != nil {
				prospect, answer = notify.Prospect(err), err.Error()
			}
			if prospect != c.prospect || !strings.Contains(answer, c.says) || len(answer) > 2000 {
				t.Errorf("%s: %s", prospect, answer)
			}
		})
	}
}

// TestATimeoutEndsTheWholeGroup: what the program started does not outlive it.
func TestATimeoutEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	target, dir := commandTarget(t, ", timeout: 3s", `sh -c 'echo $$ > "$0/child"; exec sleep 60' "$1" & wait`)
	if _, err := target.Carry(context.Background(), notify.Trial("ticket")); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child has ended", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		return err != nil && syscall.Kill(child, 0) != nil || strings.Contains(string(stat), ") Z ")
	})
}
