package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// command runs a program with the message on its stdin. Its arguments are those
// of the configuration, and nothing else: what a server said is never among
// them, and no shell reads them.
type command struct {
	argv []string
	dir  string
	form *form
}

const tempFail = 75 // EX_TEMPFAIL of sysexits.h: to be tried again

func openCommand(p *targetFile, t *Target) carrier {
	c := &command{dir: p.dir}
	n, ok := p.nodes["command"]
	if !ok {
		p.Refuse(p.item, "a command target has no command: write it as `command: [/usr/local/bin/ticket, --queue, secops]`")
		return c
	}
	c.argv = p.words(n, "a list, as `command: [/usr/local/bin/ticket, --queue, secops]`")
	if len(c.argv) == 0 {
		return c
	}
	program := c.argv[0]
	if strings.ContainsRune(program, filepath.Separator) {
		program = p.path(program)
	}
	path, err := exec.LookPath(program)
	if err != nil {
		p.Refuse(n.key, "command: %v: write a program that is there, and each argument for itself: no shell reads it", err)
		return c
	}
	c.argv[0] = path
	t.Where = filepath.Base(path)
	c.form = p.template(t, nil)
	return c
}

func (c *command) carry(ctx context.Context, m *Message) (string, error) {
	body, err := asBody(c.form, m)
	if err != nil {
		return "", failuref(few, "template: %v", err)
	}
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Env = c.dir, environment(m)
	cmd.Stdin = bytes.NewReader(body)
	said := &head{limit: 4 << 10}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = time.Second // for a child of its own that holds on to its output
	asGroup(cmd)
	err = cmd.Run()
	answer := exposure.Escape(clip(strings.TrimSpace(string(said.kept))))
	ended := cmd.ProcessState
	switch {
	case ended == nil:
		return answer, fmt.Errorf("run it: %w", err)
	case !ended.Exited() && ctx.Err() != nil:
		return answer, errors.New("it did not end in time, and was killed")
	case !ended.Exited():
		return answer, errors.New(ended.String())
	case ended.Success(): // even if a child of its own still holds its output
		return strings.TrimSpace("exit 0 " + answer), nil
	case ended.ExitCode() == tempFail:
		return answer, failuref(again, "exit %d: %s", tempFail, answer)
	}
	return answer, failuref(few, "exit %d: %s", ended.ExitCode(), answer)
}

// environment is all that the program sees of ours: no secret is in it.
func environment(m *Message) []string {
	env := append(systemEnvironment(), "LC_ALL=C.UTF-8", "MEMSWEEP_MESSAGE="+m.ID, "MEMSWEEP_TARGET="+m.Target)
	if m.Test {
		env = append(env, "MEMSWEEP_TEST=1")
	}
	return env
}

// head keeps the beginning of what is written to it, and drops the rest.
type head struct {
	kept  []byte
	limit int
}

func (h *head) Write(p []byte) (int, error) {
	h.kept = append(h.kept, p[:min(len(p), h.limit-len(h.kept))]...)
	return len(p), nil
}
