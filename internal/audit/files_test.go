package audit

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDebianConf holds what was measured of Debian's wrapper.
func TestDebianConf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"-m 64\n-l 127.0.0.1\n":               "-m 64 -l 127.0.0.1",
		"# -l 127.0.0.1\n-m 64 # all of it\n": "-m 64",
		"  -m 64\r\n\t-l 127.0.0.1\r\n":       "-m 64 -l 127.0.0.1",
		"-d\nlogfile /x\nl 127.0.0.1\n-m 1":   "-m 1",
		"-d -l 127.0.0.1\n-m 1":               "-m 1",
		"-h\n-help\n":                         "-u root",
		"":                                    "-u root",
		`-u a\#b`:                             "-u a#b",
		"-l '10.0.0.1 ,10.0.0.2' -m 1":        "-l 10.0.0.1 ,10.0.0.2 -m 1",
		"-u \"a b\"x":                         "-u a bx",
		"-l [::1]:11211":                      "-l [::1]:11211",
	} {
		kept, _ := debianConf(text)
		args, err := debianArguments(kept)
		if got := strings.Join(args, " "); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"-l $(hostname)", "-l *", "-u 'x", "-l 10.0.0.1;10.0.0.2", "-u x \\", "-u `id`"} {
		kept, _ := debianConf(text)
		if args, err := debianArguments(kept); err == nil {
			t.Errorf("%q: %q, although a shell reads it otherwise", text, args)
		}
	}
	_, dropped := debianConf("-d -l 127.0.0.1\n-d\n-daemon -m 1\nx")
	if diff := cmp.Diff([]string{"-d -l 127.0.0.1"}, texts(risky(dropped))); diff != "" {
		t.Error(diff)
	}
}

func texts(list []confLine) (all []string) {
	for _, l := range list {
		all = append(all, l.text)
	}
	return all
}

func TestEnvironmentFile(t *testing.T) {
	t.Parallel()
	text := strings.Join([]string{
		`# comment \`, `HIDDEN=1`, `; another`, ``, `PORT="11211"`, `OPTIONS='-l 127.0.0.1' # kept`, `  USER = memcached `,
		`MAXCONN=10\`, `24`, `A="x \"y\" \z $HOME"`, `B='it\s'`, `not an assignment`, `1X=2`, `export C=3`, `D=a\ b`, `E=`, `F="two`, `lines"`,
	}, "\n")
	got := map[string]string{}
	lines := map[string]int{}
	for _, a := range environmentFile(text) {
		got[a.name], lines[a.name] = a.value, a.line
	}
	want := map[string]string{
		"PORT": "11211", "OPTIONS": "-l 127.0.0.1 # kept", "USER": "memcached", "MAXCONN": "1024", "A": `x "y" \z $HOME`,
		"B": `it\s`, "C": "3", "D": "a b", "E": "", "F": "two\nlines",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if lines["PORT"] != 5 || lines["A"] != 10 || lines["F"] != 17 {
		t.Errorf("lines %v", lines)
	}
}

func TestUnitSettings(t *testing.T) {
	t.Parallel()
	got := unitSettings("[Unit]\nA=1\n\n[Service]\n# ExecStart=no\nExecStart=/bin/x \\\n# in between\n  -a \\\n; too\n  -b\nB = 2 \n[Install]\nC=3\\")
	want := []setting{{"Unit", "A", "1", 2}, {"Service", "ExecStart", "/bin/x    -a    -b", 6}, {"Service", "B", "2", 11}, {"Install", "C", "3", 13}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(setting{})); diff != "" {
		t.Error(diff)
	}
}

// TestExecStart holds systemd.service(5), "Command lines", and
// systemd.syntax(7), "Quoting".
func TestExecStart(t *testing.T) {
	t.Parallel()
	env := map[string]string{"OPTIONS": `-l "127.0.0.1" -U  0`, "PORT": "11 211", "EMPTY": ""}
	for value, want := range map[string][]string{
		`/m -p ${PORT} $OPTIONS`:           {"/m", "-p", "11 211", "-l", "127.0.0.1", "-U", "0"},
		`/m $EMPTY ${EMPTY} x$PORT $$PORT`: {"/m", "", "x$PORT", "$PORT"},
		`-/m "a b" 'c "d"' e"f g"h`:        {"/m", "a b", `c "d"`, "ef gh"},
		`@/m name -l x`:                    {"/m", "-l", "x"},
		`:/m $OPTIONS`:                     {"/m", "$OPTIONS"},
		`+!/m %i %% %n %p %N`:              {"/m", "1", "%", "memcached@1.service", "memcached", "memcached@1"},
		`/m \x41\101\u00e9\n\s\q`:          {"/m", "AA\u00e9\n \\q"},
		"/m\t-v\n-v":                       {"/m", "-v", "-v"},
	} {
		c, err := execStart(value, newUnitName("memcached@1.service"), env)
		if got := append([]string{c.program}, c.args...); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", value, got, err, want)
		}
	}
	for _, value := range []string{"", `/m "x`, `/m x\`, "/m %H", "|/m x"} {
		if c, err := execStart(value, newUnitName("memcached.service"), env); err == nil {
			t.Errorf("%q: %v", value, c)
		}
	}
}

func TestIsMemcached(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"memcached": true, "/usr/bin/memcached": true, "memcached-debug": true, "memcached-1.6.18": true, "memcached1.4": true,
		"memcached_exporter": false, "memcached-tool": false, "memcached-top": false, "memcachedb": false, "": false, "xmemcached": false,
	} {
		if isMemcached(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func FuzzDebianConf(f *testing.F) {
	f.Add("-d -l x\n# c\n-m 64 # d\n\\#-l '[::1]:1'\n-u \"a\\\"b\"")
	f.Fuzz(func(t *testing.T, text string) {
		kept, dropped := debianConf(text)
		for _, l := range append(kept, dropped...) {
			if l.number < 1 || l.text == "" {
				t.Errorf("%q: %+v", text, l)
			}
		}
		if args, err := debianArguments(kept); err == nil {
			parseOptions(args)
		}
	})
}

func FuzzEnvironmentFile(f *testing.F) {
	f.Add("# c\nA=\"x\\\ny\" z\nexport B='\\'\nC=\\")
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range environmentFile(text) {
			if !variable(a.name) || a.line < 1 || a.line > 1+strings.Count(text, "\n") {
				t.Errorf("%q: %+v", text, a)
			}
		}
	})
}

func FuzzUnit(f *testing.F) {
	f.Add("[Service]\nExecStart=-/bin/m \\\n#x\n-l ${A} $B '%i \\x41'\nEnvironment=\"A=b c\"", "memcached@1.service")
	f.Fuzz(func(t *testing.T, text, name string) {
		u := newUnitName(name)
		for _, s := range unitSettings(text) {
			if s.line < 1 || s.line > 1+strings.Count(text, "\n") {
				t.Errorf("%q: %+v", text, s)
			}
			if c, err := execStart(s.value, u, map[string]string{"A": s.value}); err == nil {
				c.memcached()
			}
		}
	})
}
