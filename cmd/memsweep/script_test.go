package main

import (
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/memsweep/memsweep/internal/memtest"
)

func TestMain(m *testing.M) {
	// Most tests wait for sweeps, and not for a processor. A -parallel that is given holds.
	flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
	testscript.Main(m, map[string]func(){"memsweep": main})
}

var calling sync.Mutex

// called runs a command line in this process, one at a time: cli's flags for help and
// the version are the whole process's.
func called(out, said io.Writer, args ...string) (code int) {
	calling.Lock()
	defer calling.Unlock()
	return run(append([]string{"memsweep"}, args...), strings.NewReader(""), out, said)
}

// TestScripts runs the program as a user does: testdata/script at the top of
// the repository.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "1")
			e.Values[serversKey{}] = map[string]*memtest.Server{}
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "ipv6":
			default:
				return false, fmt.Errorf("unknown condition %q", name)
			}
			l, err := net.Listen("tcp6", "[::1]:0")
			if err != nil {
				return false, nil
			}
			return true, l.Close()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": server, "shut": shut, "status": status, "fill": fill, "fetch": fetch, "sql": statement,
		},
	})
}

// server starts a pretend server: `server POSTURE ADDRESS` on a free port,
// which $PORT then holds, or on $PORT if it is set already.
func server(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: server POSTURE ADDRESS")
	}
	port, _ := strconv.ParseUint(ts.Getenv("PORT"), 10, 16) // unset: 0
	addr, err := netip.ParseAddr(args[1])
	ts.Check(err)
	s, err := memtest.Start(memtest.Config{
		Posture: memtest.Posture(args[0]),
		Addr:    netip.AddrPortFrom(addr, uint16(port)),
	})
	ts.Check(err)
	ts.Defer(s.Close)
	ts.Setenv("PORT", strconv.Itoa(int(s.Addr().Port())))
	running(ts)[args[1]] = s
}

// serversKey is where a script keeps its servers, by address.
type serversKey struct{}

func running(ts *testscript.TestScript) map[string]*memtest.Server {
	return ts.Value(serversKey{}).(map[string]*memtest.Server)
}

// shut ends the server at an address: `shut ADDRESS`.
func shut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || running(ts)[args[0]] == nil {
		ts.Fatalf("usage: shut ADDRESS, of a server that runs")
	}
	running(ts)[args[0]].Close()
	delete(running(ts), args[0])
}

// statement changes a database as only somebody else would: `sql FILE STATEMENT`.
func statement(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql FILE STATEMENT")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

// status runs a program that must end with one exit code: `status 2 memsweep …`.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM ARGUMENT...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if e, ok := err.(interface{ ExitCode() int }); ok {
		code = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

var placeholder = regexp.MustCompile(`DAY([+-]\d+)|\$PORT`)

// fill writes what only the run knows into files: `fill FILE...` makes DAY-7
// the day a week ago, in UTC, and $PORT the servers' port. Nothing stands for
// the present day, which may end meanwhile.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: fill FILE...")
	}
	for _, name := range args {
		text := placeholder.ReplaceAllStringFunc(ts.ReadFile(name), func(found string) string {
			offset, isDay := strings.CutPrefix(found, "DAY")
			if !isDay {
				return ts.Getenv("PORT")
			}
			days, err := strconv.Atoi(offset)
			ts.Check(err)
			return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly)
		})
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// fetch asks a server until it is there: `fetch STATUS URL FILE [HEADER:VALUE...]`
// wants that status, and writes the body into FILE.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: fetch STATUS URL FILE [HEADER:VALUE...]")
	}
	r, err := http.NewRequest(http.MethodGet, args[1], nil)
	ts.Check(err)
	for _, h := range args[3:] {
		name, value, _ := strings.Cut(h, ":")
		r.Header.Set(name, value)
	}
	client := &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	var a *http.Response
	for range 200 {
		if a, err = client.Do(r); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Check(err)
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), body, 0o600))
	if strconv.Itoa(a.StatusCode) != args[0] {
		ts.Fatalf("%s: %s, want %s\n%s", args[1], a.Status, args[0], body)
	}
}
