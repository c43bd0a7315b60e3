// Package deploy holds what it takes to run memsweep for good: units, manifests,
// rules, a dashboard. It has tests only, which ask the real tools about each file.
package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// need skips a test without a program, or fails it where the programs are
// promised (scripts/test installs them).
func need(t *testing.T, program, debian, promise string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if promise != "" && os.Getenv(promise) != "" {
		t.Fatalf("%s is set, and there is no %s", promise, program)
	}
	t.Skipf("no %s (Debian: apt-get install %s)", program, debian)
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// run runs a program and wants it to end well.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	text, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, text)
	}
	return string(text)
}

// memsweep builds the program as the Dockerfile does: without a C library.
func memsweep(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "memsweep")
	build := exec.Command("go", "build", "-o", program, "../cmd/memsweep")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, text)
	}
	return program
}

// try runs a program, however it ends.
func try(t *testing.T, program string, args ...string) (said string, code int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}
