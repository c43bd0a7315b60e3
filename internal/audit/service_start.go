package audit

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// unitService says what a unit starts; nil when that is not memcached. Of one
// that is called after memcached, or names it in its command, or could not be
// read, that may be unclear.
func (t *tree) unitService(u unit) *service {
	s := &service{name: u.name.full}
	for _, err := range u.errs {
		s.doubt("%v", err)
	}
	x := s.execution(u)
	if len(u.errs) == 0 && u.name.prefix != "memcached" && !slices.ContainsFunc(x.start, u.name.mentions) {
		return nil
	}
	if len(x.start) != 1 {
		s.doubt("%s: it has %d ExecStart= lines", s.name, len(x.start))
		return s
	}
	wanted := named(x.start[0])
	t.environmentFiles(s, u.name, &x, wanted)
	c, err := execStart(x.start[0], u.name, x.env)
	if err != nil {
		s.doubt("%s: ExecStart=: %v", s.name, err)
		return s
	}
	if !t.starts(s, c) {
		s.doubt("%s: what %s starts is not read", s.name, c.program)
		return s
	}
	s.identify(x)
	s.restrict(x)
	return s
}

// mentions reports whether memcached, or Debian's wrapper of it, is a word
// anywhere in a command line.
func (u unitName) mentions(value string) bool {
	if expanded, err := u.expand(value); err == nil {
		value = expanded
	}
	words := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t\n\r\"'`;&|()<>{}$=@!+", r) })
	return slices.ContainsFunc(words, func(w string) bool {
		w = strings.TrimLeft(w, "-:")
		return isMemcached(w) || wraps(w)
	})
}

// starts reads what a command starts into s; false when that is not memcached
// as far as can be seen.
func (t *tree) starts(s *service, c command) bool {
	if wraps(c.program) {
		file := debianDefault
		if len(c.args) > 0 {
			file = c.args[0]
		}
		s.program = "/usr/bin/memcached" // it stands in the wrapper
		t.debian(s, file)
		return true
	}
	program, args, ok := c.memcached()
	if ok {
		s.program = program
		s.run(args)
	}
	return ok
}

func (s *service) run(args []string) {
	s.args = args
	s.options = parseOptions(args)
	if len(s.options.unreadable) > 0 {
		s.note("Options that are not known here were passed over: %s.", strings.Join(s.options.unreadable, ", "))
	}
}

// debian reads the configuration file of Debian's wrapper.
func (t *tree) debian(s *service, file string) {
	text, err := t.text(file)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		s.doubt("%v", err)
		return
	}
	kept, dropped := debianConf(text)
	if !absent {
		s.files = append(s.files, source{file, kept})
	}
	if len(kept) == 0 {
		s.note("%s is missing or holds no option: Debian's wrapper then starts memcached as root, on every address.", file)
	}
	for _, l := range risky(dropped) {
		s.note("%s:%d: %q does not count: Debian's wrapper drops lines that start with -d.", file, l.number, l.text)
	}
	args, err := debianArguments(kept)
	if err != nil {
		s.doubt("%s: %v", file, err)
		return
	}
	s.run(args)
}

// initServices are those of a machine without units: what Debian's or upstream's
// init script would do.
func (t *tree) initServices() []*service {
	var list []*service
	files := []string{debianDefault}
	names, _ := t.list("/etc") // what cannot be listed has its well-known name
	for _, n := range names {
		if ok, _ := path.Match("memcached_*.conf", n); ok { // several instances
			files = append(files, "/etc/"+n)
		}
	}
	for _, file := range files {
		if !t.exists(file) {
			continue
		}
		s := &service{name: file, program: "/usr/bin/memcached"}
		t.debian(s, file)
		t.debianSwitch(s)
		s.identify(execution{})
		list = append(list, s)
	}
	if s := t.sysconfig("/etc/sysconfig/memcached"); s != nil {
		list = append(list, s)
	}
	return list
}

// debianSwitch: /etc/default/memcached says whether the init script starts it.
func (t *tree) debianSwitch(s *service) {
	const file = "/etc/default/memcached"
	s.enabled = true
	text, err := t.text(file)
	if err != nil {
		return
	}
	env := map[string]string{}
	t.assign(s, file, text, env, map[string]bool{"ENABLE_MEMCACHED": true})
	s.enabled = !strings.EqualFold(env["ENABLE_MEMCACHED"], "no")
}

// sysconfig is what upstream's init script makes of its settings
// (scripts/memcached.sysv); nil when there are none.
func (t *tree) sysconfig(file string) *service {
	text, err := t.text(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s := &service{name: file, program: t.installed(), enabled: true}
	if err != nil {
		s.doubt("%v", err)
		return s
	}
	env := map[string]string{"PORT": "11211", "USER": "nobody", "MAXCONN": "1024", "CACHESIZE": "64", "OPTIONS": ""}
	wanted := map[string]bool{}
	for name := range maps.Keys(env) {
		wanted[name] = true
	}
	t.assign(s, file, text, env, wanted)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if strings.ContainsAny(env[name], "$`") {
			s.doubt("%s: %s: a shell would expand it", file, name)
		}
	}
	words, err := shellWords(strings.Join([]string{
		"-d -p", env["PORT"], "-u", env["USER"], "-m", env["CACHESIZE"], "-c", env["MAXCONN"], env["OPTIONS"],
	}, " "))
	if err != nil {
		s.doubt("%s: %v", file, err)
		return s
	}
	s.run(words)
	s.identify(execution{})
	return s
}
