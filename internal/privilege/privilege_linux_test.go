package privilege

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What is given up is gone for the whole process: each of these runs in one of
// its own, this test binary with childEnv set.
const childEnv = "MEMSWEEP_PRIVILEGE_CHILD"

func TestMain(m *testing.M) {
	child, ok := map[string]func() error{
		"drop": childDrop, "confine": childConfine, "both": childBoth, "held": childHeld,
	}[os.Getenv(childEnv)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := child(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// inChild runs one of them; wrap is a program to run it with.
func inChild(t *testing.T, name, folder string, wrap ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := append(wrap, self)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+name, "FOLDER="+folder)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, text)
	}
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it has capabilities to give up")
	}
}

func TestDrop(t *testing.T) {
	needsRoot(t)
	inChild(t, "drop", "")
}

// childDrop has threads that are busy in the kernel, and one that is locked:
// none may keep anything.
func childDrop() error {
	if err := tryPacket(); err != nil {
		return fmt.Errorf("before: %w", err)
	}
	open, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return err
	}
	var threads sync.WaitGroup
	for range 8 {
		threads.Go(func() { unix.Nanosleep(&unix.Timespec{Nsec: 300e6}, nil) })
	}
	time.Sleep(20 * time.Millisecond)
	if err := Drop(); err != nil {
		return err
	}
	if err := everyThread(); err != nil {
		return err
	}
	threads.Wait()
	if err := tryPacket(); !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("a packet socket could be opened: %v", err)
	}
	if err := tryXDP(); err == nil {
		return errors.New("an XDP program could be run")
	}
	if err := exec.Command("/bin/sh", "-c", `grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status`).Run(); err != nil {
		return fmt.Errorf("a program that was started has capabilities: %w", err)
	}
	// What was opened before goes on working.
	if _, err := unix.GetsockoptTpacketStats(open, unix.SOL_PACKET, unix.PACKET_STATISTICS); err != nil {
		return fmt.Errorf("the open socket: %w", err)
	}
	return Drop() // a second time does no harm
}

func everyThread() error {
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(files) < 4 {
		return fmt.Errorf("%d threads: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // it ended
		}
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			value = strings.TrimSpace(value)
			if strings.HasPrefix(name, "Cap") && strings.Trim(value, "0") != "" || name == "NoNewPrivs" && value != "1" {
				return fmt.Errorf("%s: %s", file, line)
			}
		}
	}
	return nil
}

func TestConfine(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"in/old", "out/old", "read/old"} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := Read(); err != nil || s.Landlock == 0 {
		t.Skipf("needs landlock: %+v, %v", s, err)
	}
	inChild(t, "confine", folder)
	if os.Geteuid() == 0 {
		inChild(t, "both", folder)
	}
}

func childBoth() error {
	if err := Drop(); err != nil {
		return err
	}
	return childConfine()
}

func childConfine() error {
	folder := os.Getenv("FOLDER")
	in, out, read := filepath.Join(folder, "in"), filepath.Join(folder, "out"), filepath.Join(folder, "read")
	if _, err := Confine([]string{read, filepath.Join(folder, "not there")}, []string{filepath.Join(folder, "no such folder")}); err == nil {
		return errors.New("a place to write that does not exist was accepted")
	}
	level, err := Confine([]string{read}, []string{in, "/dev/null"})
	if err != nil {
		return err
	}
	if !strings.HasPrefix(level, "landlock ABI ") {
		return fmt.Errorf("level %q", level)
	}
	// As a report is written: a temporary file, then its name.
	temporary := filepath.Join(in, "new.tmp")
	may := []error{
		os.WriteFile(temporary, []byte("text"), 0o600), os.Rename(temporary, filepath.Join(in, "old")), os.Remove(filepath.Join(in, "old")),
		os.WriteFile("/dev/null", []byte("text"), 0),
	}
	for _, path := range []string{filepath.Join(read, "old"), "/proc/self/status", "/proc/sys/net/ipv4/ip_local_port_range"} {
		_, err := os.ReadFile(path)
		may = append(may, err)
	}
	if err := errors.Join(may...); err != nil {
		return err
	}
	_, readOut := os.ReadFile(filepath.Join(out, "old"))
	_, readOther := os.ReadFile("/proc/1/environ")
	for what, err := range map[string]error{
		"write outside":         os.WriteFile(filepath.Join(out, "new"), nil, 0o600),
		"overwrite outside":     os.WriteFile(filepath.Join(out, "old"), nil, 0o600),
		"remove outside":        os.Remove(filepath.Join(out, "old")),
		"write what is read":    os.WriteFile(filepath.Join(read, "old"), nil, 0o600),
		"read outside":          readOut,
		"read other processes'": readOther,
		"run a program":         exec.Command("/bin/true").Run(),
		"make a link":           os.Symlink("/etc/passwd", filepath.Join(in, "link")),
	} {
		if !errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("%s: %v, want it forbidden (%s)", what, err, level)
		}
	}
	return nil
}

func TestRead(t *testing.T) {
	s, err := Read()
	if err != nil || s.Kernel == "" || s.User == "" || s.UID != os.Geteuid() || len(s.Capabilities) != 4 {
		t.Fatalf("%+v, %v", s, err)
	}
	for i, name := range []string{NetRaw, NetAdmin, BPF, Perfmon} {
		if s.Capabilities[i].Name != name {
			t.Errorf("capability %d is %s, want %s", i, s.Capabilities[i].Name, name)
		}
	}
}

// TestHeld gives a process that is not root's exactly what an engine needs,
// and sees whether that is all it needs.
func TestHeld(t *testing.T) {
	needsRoot(t)
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("needs setpriv (util-linux)")
	}
	folder := t.TempDir()
	for _, e := range Engines() {
		if e.Name == "raw/xdp" && e.try() != nil {
			t.Logf("%s does not work here even with every capability: %v", e.Name, e.try())
			continue
		}
		sets := "-all"
		for _, name := range e.Needs {
			sets += ",+" + strings.TrimPrefix(name, "cap_")
		}
		t.Setenv("ENGINE", e.Name)
		inChild(t, "held", folder, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
			"--inh-caps="+sets, "--ambient-caps="+sets, "--bounding-set="+sets)
	}
}

func childHeld() error {
	s, err := Read()
	if err != nil {
		return err
	}
	if s.UID != 65534 {
		return fmt.Errorf("user %d", s.UID)
	}
	engines := Engines()
	held := engines[slices.IndexFunc(engines, func(e Engine) bool { return e.Name == os.Getenv("ENGINE") })].Needs
	for _, e := range engines {
		works := !slices.ContainsFunc(e.Needs, func(name string) bool { return !slices.Contains(held, name) })
		missing, err := e.Check(s)
		if (err == nil) != works || works && missing != nil || !works && len(missing) == 0 {
			return fmt.Errorf("with what %s needs, %s: missing %q, %v", os.Getenv("ENGINE"), e.Name, missing, err)
		}
		for _, name := range e.Needs {
			i := slices.IndexFunc(s.Capabilities, func(c Capability) bool { return c.Name == name })
			if c := s.Capabilities[i]; works && (!c.Ambient || !c.Permitted || c.Bounded) || c.Bounded == c.Effective {
				return fmt.Errorf("%+v", c)
			}
		}
	}
	return Drop()
}
