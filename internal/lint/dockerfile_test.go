package lint

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// instructions splits a Dockerfile into its lines that count, continuations
// joined.
func instructions(text string) []string {
	text = strings.ReplaceAll(text, "\\\n", " ")
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

var numericUser = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)

// checkImage says what is wrong with the last stage of a Dockerfile, the one
// that becomes the image.
func checkImage(text string) (wrong []string) {
	var base, user, entrypoint string
	for _, line := range instructions(text) {
		instruction, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(instruction) {
		case "FROM":
			base, user, entrypoint = rest, "", ""
		case "USER":
			user = strings.TrimSpace(rest)
		case "ENTRYPOINT":
			entrypoint = strings.TrimSpace(rest)
		}
	}
	if base != "scratch" {
		wrong = append(wrong, "it is made from "+base+", not from scratch")
	}
	if !numericUser.MatchString(user) {
		wrong = append(wrong, "it runs as "+user+", not as a user with a number other than 0")
	}
	if entrypoint != `["/memsweep"]` {
		wrong = append(wrong, "its entry point is "+entrypoint)
	}
	return wrong
}

func TestDockerfileImage(t *testing.T) {
	t.Parallel()
	for _, wrong := range checkImage(dockerfile(t)) {
		t.Error("the image: " + wrong)
	}
}

func TestCheckImage(t *testing.T) {
	t.Parallel()
	const builder = "FROM golang:1.26 AS build\nUSER 65532:65532\n"
	for _, bad := range []string{
		builder + "FROM scratch\nENTRYPOINT [\"/memsweep\"]",
		builder + "FROM scratch\nUSER root\nENTRYPOINT [\"/memsweep\"]",
		builder + "FROM scratch\nUSER 0:0\nENTRYPOINT [\"/memsweep\"]",
		builder + "FROM scratch\nUSER 65532\nUSER 0\nENTRYPOINT [\"/memsweep\"]",
		builder + "FROM scratch\nUSER 65532:65532\nENTRYPOINT /memsweep",
		builder + "FROM debian\nUSER 65532:65532\nENTRYPOINT [\"/memsweep\"]",
	} {
		if wrong := checkImage(bad); len(wrong) != 1 {
			t.Errorf("got %q for\n%s", wrong, bad)
		}
	}
}

// TestDockerfileBuild runs the Dockerfile's own build line, without Docker, and
// asks what it makes for the version that was stamped on it. Of the program only
// that is built: to compile all of it with these flags, which nothing else here
// does, takes more than a minute, and is left to .ci/run.
func TestDockerfileBuild(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh to run the Dockerfile's build line")
	}
	const output = "/out/memsweep"
	var line string
	for _, instruction := range instructions(dockerfile(t)) {
		if run, ok := strings.CutPrefix(instruction, "RUN "); ok && strings.Contains(run, "go build") {
			line = run
		}
	}
	if !strings.Contains(line, "-o "+output+" ") {
		t.Fatalf("no go build with -o %s in the Dockerfile: %q", output, line)
	}
	program := filepath.Join(t.TempDir(), "memsweep")
	build := exec.Command(shell, "-c", strings.Replace(line, "-o "+output, `-o "$PROGRAM"`, 1))
	build.Dir = root
	build.Env = append(os.Environ(), "PROGRAM="+program, "VERSION=v9.8.7-test", "GOFLAGS=-overlay="+onlyVersion(t))
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, text)
	}
	said, err := exec.Command(program).CombinedOutput()
	if err != nil || string(said) != "v9.8.7-test" {
		t.Errorf("%v: it says to be of version %q, want the one that it was built with", err, said)
	}
}

// onlyVersion is an overlay (go help build) that leaves of the program only what
// knows its version, and prints that.
func onlyVersion(t *testing.T) (file string) {
	t.Helper()
	folder := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sources, err := filepath.Glob(filepath.Join(root, "cmd/memsweep/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for _, source := range sources {
		path, err := filepath.Abs(source)
		if err != nil {
			t.Fatal(err)
		}
		switch filepath.Base(path) {
		case "version.go":
		case "main.go":
			replace[path] = write("main.go", []byte("package main\n\nfunc main() { print(versionText()) }\n"))
		default:
			replace[path] = "" // as if it were not there
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	return write("overlay.json", overlay)
}

func dockerfile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
