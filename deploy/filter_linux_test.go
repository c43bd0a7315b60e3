package deploy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/memsweep/memsweep/internal/memtest"
)

// filterRole is set for the process that puts the unit's filter on itself and
// becomes memsweep; it lists the numbers of the system calls that are allowed.
const filterRole = "MEMSWEEP_TEST_FILTER"

func TestMain(m *testing.M) {
	if numbers := os.Getenv(filterRole); numbers != "" {
		fmt.Fprintln(os.Stderr, "become memsweep:", confined(strings.Split(numbers, ","), os.Args[1:]))
		os.Exit(99)
	}
	os.Exit(m.Run())
}

// confined puts the filter on this process, as systemd would, and runs a program
// in its place. It returns when that cannot be.
func confined(numbers, command []string) error {
	if os.Getuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			return err
		}
	}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	// PR_SET_MDWE (65), PR_MDWE_REFUSE_EXEC_GAIN (1): MemoryDenyWriteExecute=yes, since Linux 6.3.
	if err := unix.Prctl(65, 1, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	const number, denied = 0, unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number}}
	for _, text := range numbers {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return err
		}
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(n)},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: denied})
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return errno
	}
	return syscall.Exec(command[0], command, slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, filterRole) }))
}

// allowedCalls expands SystemCallFilter= of a unit into system calls, as systemd
// does: sets by name, and what begins with ~ taken out again.
func allowedCalls(t *testing.T, unit string) []string {
	t.Helper()
	allowed := map[string]bool{}
	var set func(name string, allow bool)
	set = func(name string, allow bool) {
		if !strings.HasPrefix(name, "@") {
			allowed[name] = allow
			return
		}
		for line := range strings.Lines(run(t, "systemd-analyze", "syscall-filter", name)) {
			if line = strings.TrimSpace(line); line != "" && line != name && !strings.HasPrefix(line, "#") {
				set(line, allow)
			}
		}
	}
	for line := range strings.Lines(read(t, unit)) {
		value, ok := strings.CutPrefix(strings.TrimSpace(line), "SystemCallFilter=")
		if !ok {
			continue
		}
		value, deny := strings.CutPrefix(value, "~")
		for _, name := range strings.Fields(value) {
			set(name, !deny)
		}
	}
	set("@default", true) // what every program needs is always in an allow list
	var list []string
	for name, ok := range allowed {
		if ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

var callNumber = regexp.MustCompile(`(?m)^\s+SYS_(\w+)\s+= (\d+)$`)

// callNumbers are those of this machine, by the table of golang.org/x/sys.
func callNumbers(t *testing.T) map[string]string {
	t.Helper()
	module := strings.TrimSpace(run(t, "go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys"))
	numbers := map[string]string{}
	for _, found := range callNumber.FindAllStringSubmatch(read(t, filepath.Join(module, "unix", "zsysnum_linux_"+runtime.GOARCH+".go")), -1) {
		numbers[strings.ToLower(found[1])] = found[2]
	}
	return numbers
}

// filtered is memsweep under the filter of memsweep.service, as nobody.
func filtered(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	need(t, "systemd-analyze", "systemd", "MEMSWEEP_REQUIRE_SYSTEMD")
	numbers := callNumbers(t)
	var list []string
	for _, name := range allowedCalls(t, "systemd/memsweep.service") {
		if n, ok := numbers[name]; ok {
			list = append(list, n)
		}
	}
	if len(list) < 150 || slices.Contains(list, numbers["adjtimex"]) || slices.Contains(list, numbers["ptrace"]) {
		t.Fatalf("%d system calls are allowed, which cannot be", len(list))
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), filterRole+"="+strings.Join(list, ","))
	return cmd
}

// TestFilterHolds: what the unit forbids is forbidden here too, or the next test
// would prove nothing.
func TestFilterHolds(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("nice")
	if err != nil {
		t.Fatal(err)
	}
	said, err := filtered(t, path, "-n", "5", "/bin/true").CombinedOutput()
	if !strings.Contains(string(said), "Operation not permitted") { // it says so, and goes on
		t.Errorf("nice under the filter: %v: %s", err, said)
	}
	if said, err := filtered(t, "/bin/true").CombinedOutput(); err != nil {
		t.Errorf("true under the filter: %v: %s", err, said)
	}
}

// TestServiceUnderItsFilter runs `memsweep run` as the unit does: it reports
// itself ready, sweeps a real server, keeps the history, answers Prometheus, and
// stops when it is told to.
func TestServiceUnderItsFilter(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	give(t, folder)
	server := pretend(t)
	metrics := freePort(t)
	config := write(t, filepath.Join(folder, "run.yaml"), fmt.Sprintf(
		"history: memsweep.db\nmetrics: {listen: %q}\njobs:\n  office:\n    targets: [%s]\n    port: %d\n    vantage: {name: office, trust: trusted}\n    rate: 1000\n    every: 1h\n    catch_up: true\n",
		metrics, server.Addr(), server.Port()))
	state, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(folder, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	if err := os.Chmod(filepath.Join(folder, "notify"), 0o666); err != nil {
		t.Fatal(err)
	}
	program := memsweep(t)
	give(t, filepath.Dir(program))

	once := filtered(t, program, "run", "--once", "office", config)
	if said, err := once.CombinedOutput(); once.ProcessState.ExitCode() != 1 { // it found something
		t.Fatalf("run --once: %v\n%s", err, said)
	}
	service := filtered(t, program, "run", config)
	service.Env = append(service.Env, "NOTIFY_SOCKET="+filepath.Join(folder, "notify"))
	var log strings.Builder
	service.Stderr = &log
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	state.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, err := state.Read(buffer)
	if err != nil || !strings.Contains(string(buffer[:n]), "READY=1") {
		t.Errorf("it says %q, %v", buffer[:n], err)
	}
	text := get(t, "http://"+metrics+"/metrics")
	for _, line := range []string{"memsweep_history_up 1\n", `memsweep_job_last_run_outcome{job_name="office",outcome="complete"} 1`, `memsweep_job_expected_interval_seconds{job_name="office"} 3600`} {
		if !strings.Contains(text, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	if !strings.Contains(text, `verdict="open"} 1`) && !strings.Contains(text, `verdict="reflector"} 1`) {
		t.Errorf("nothing is open:\n%s", text)
	}
	service.Process.Signal(syscall.SIGTERM)
	err = service.Wait()
	if code := service.ProcessState.ExitCode(); code != 0 && code != 143 {
		t.Errorf("it ended with %d, %v\n%s", code, err, log.String())
	}
	if t.Failed() {
		t.Log(log.String())
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// pretend is a memcached on loopback that anybody may ask.
func pretend(t *testing.T) netip.AddrPort {
	t.Helper()
	server, err := memtest.Start(memtest.Config{Addr: netip.MustParseAddrPort("127.77.7.7:0"), Posture: memtest.Reflector})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server.Addr()
}

// nobody is who the program is under DynamicUser=yes, where the test may choose.
const nobody = 65534

// give makes a folder of the test nobody's.
func give(t *testing.T, folder string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	if err := errors.Join(os.Chmod(filepath.Dir(folder), 0o755), os.Chown(folder, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
}
