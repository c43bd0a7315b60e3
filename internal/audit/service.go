package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// service is one way in which this machine starts a memcached, as its files
// say.
type service struct {
	name    string
	files   []source // what says so
	program string
	args    []string
	options options
	user    string // whom it runs as; "" is root
	enabled bool   // something starts it at boot
	masked  bool   // its unit says that it is never started
	notes   []string
	// unclear is why it is not known what would be started; it is empty when
	// that is known.
	unclear []string
}

// source is a file and the lines of it that count.
type source struct {
	name  string
	lines []confLine
}

func (s *service) doubt(format string, args ...any) {
	s.unclear = append(s.unclear, fmt.Sprintf(format, args...))
}

func (s *service) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// origin names the service and the file that is to be changed.
func (s *service) origin() string {
	if n := len(s.files); n > 0 && s.files[n-1].name != s.name {
		return s.name + ", " + s.files[n-1].name
	}
	return s.name
}

// services are all of them: the units, and what an init script would do where
// no unit has its name. also are units that are known to run.
func (t *tree) services(also []string) (list []*service, errs []error) {
	names, enabled, errs := t.unitNames()
	names = append(names, also...)
	slices.Sort(names)
	units := t.aliases(slices.Compact(names))
	native := false
	for _, name := range slices.Sorted(maps.Keys(units)) {
		s := t.service(name, units[name])
		if *t.spent > maxSpent {
			return list, append(errs, fmt.Errorf("read %s: %w", name, errSpent))
		}
		if s == nil {
			continue
		}
		all := append([]string{name}, units[name]...)
		native = native || slices.ContainsFunc(all, memcachedUnit)
		s.enabled = slices.ContainsFunc(all, func(n string) bool { return enabled[n] })
		list = append(list, s)
	}
	if native {
		return list, errs
	}
	for _, s := range t.initServices() {
		if !slices.ContainsFunc(list, func(unit *service) bool { return unit.reads(s.name) }) {
			list = append(list, s)
		}
	}
	return list, errs
}

// service is a unit that starts memcached, or may; nil for another's. The files
// of others are not among those that the audit says it read.
func (t *tree) service(name string, also []string) *service {
	aside := t.aside()
	u, ok := aside.loadUnit(name, also)
	var s *service
	switch {
	case !ok:
	case !u.masked:
		s = aside.unitService(u)
	case memcachedUnit(name):
		s = &service{name: name, masked: true}
	}
	if s != nil {
		maps.Copy(t.seen, aside.seen)
	}
	return s
}

// reads reports whether a file is one of those that say what the service starts.
func (s *service) reads(file string) bool {
	return slices.ContainsFunc(s.files, func(f source) bool { return f.name == file })
}

// execution is what the [Service] sections of a unit come to.
type execution struct {
	start       []string
	env         map[string]string
	envFiles    []string
	user        string
	dynamic     bool
	private     bool
	allow, deny []string
}

// execution takes in the settings file by file: an empty value begins a list
// anew, of others the last counts.
func (s *service) execution(u unit) execution {
	x := execution{env: map[string]string{}}
	for _, f := range u.files {
		src := source{name: f.name}
		for _, set := range f.settings {
			if set.section == "Service" && x.take(set.key, set.value, u.name, s) {
				src.lines = append(src.lines, confLine{set.line, set.key + "=" + set.value})
			}
		}
		if len(src.lines) > 0 {
			s.files = append(s.files, src)
		}
	}
	return x
}

// take reports whether a setting matters here.
func (x *execution) take(key, value string, u unitName, s *service) bool {
	grow := func(list *[]string, more ...string) {
		if value == "" {
			*list = nil
			return
		}
		*list = append(*list, more...)
	}
	switch key {
	case "ExecStart":
		grow(&x.start, value)
	case "EnvironmentFile":
		grow(&x.envFiles, value)
	case "Environment":
		return x.environment(value, u, s)
	case "User":
		x.user = value
	case "DynamicUser":
		x.dynamic = truth(value)
	case "PrivateNetwork":
		x.private = truth(value)
	case "IPAddressAllow":
		grow(&x.allow, strings.Fields(value)...)
	case "IPAddressDeny":
		grow(&x.deny, strings.Fields(value)...)
	default:
		return false
	}
	return true
}

// environment takes in Environment=. It is shown only where it is about
// memcached: others' variables may be secrets.
func (x *execution) environment(value string, u unitName, s *service) bool {
	if value == "" {
		clear(x.env)
		return true
	}
	words, err := unitWords(value)
	if err != nil {
		s.doubt("%s: Environment=: %v", s.name, err)
	}
	for _, w := range words {
		w, err := u.expand(w)
		if err != nil {
			s.doubt("%s: Environment=: %v", s.name, err)
		}
		if name, v, ok := strings.Cut(w, "="); ok {
			x.env[name] = v
		}
	}
	return !slices.ContainsFunc(words, func(w string) bool {
		name, _, _ := strings.Cut(w, "=")
		return !usual[name]
	})
}

// usual are the variables of upstream's and RHEL's unit.
var usual = map[string]bool{"OPTIONS": true, "PORT": true, "USER": true, "MAXCONN": true, "CACHESIZE": true}

func truth(value string) bool {
	switch strings.ToLower(value) {
	case "1", "yes", "y", "true", "t", "on":
		return true
	}
	return false
}

// environmentFiles reads EnvironmentFile=, whose variables go before those of
// Environment=.
func (t *tree) environmentFiles(s *service, u unitName, x *execution, wanted map[string]bool) {
	for _, file := range x.envFiles {
		file, optional := strings.CutPrefix(file, "-")
		file, err := u.expand(file)
		if err != nil || !path.IsAbs(file) || strings.ContainsAny(file, "*?[") {
			s.doubt("%s: EnvironmentFile=%s is not read", s.name, file)
			continue
		}
		text, err := t.text(file)
		switch {
		case errors.Is(err, fs.ErrNotExist) && optional:
			continue
		case err != nil:
			s.doubt("%s: EnvironmentFile=: %v", s.name, err)
			continue
		}
		t.assign(s, file, text, x.env, wanted)
	}
}

// assign takes in the variables of a file, and keeps the lines of those that
// are wanted.
func (t *tree) assign(s *service, file, text string, env map[string]string, wanted map[string]bool) {
	src := source{name: file}
	for _, a := range environmentFile(text) {
		env[a.name] = a.value
		if wanted[a.name] {
			src.lines = append(src.lines, confLine{a.line, a.text})
		}
	}
	s.files = append(s.files, src)
}

// identify says whom it runs as. As root, memcached takes the user of -u, and
// refuses to start without.
func (s *service) identify(x execution) {
	switch {
	case x.user != "":
		s.user = x.user
	case x.dynamic:
		s.user = strings.TrimSuffix(s.name, ".service")
	default:
		s.user = s.options.user
	}
	if s.user == "" && len(s.unclear) == 0 {
		s.note("As its files are now, %s does not start: memcached refuses to run as root without -u.", s.name)
	}
}

// restrict notes what the unit says of the network. Whether the kernel holds to
// that is not known from a file.
func (s *service) restrict(x execution) {
	if len(x.deny) > 0 {
		s.note("Its unit denies %s and allows %s (IPAddressDeny=, IPAddressAllow=); whether the kernel holds to that was not seen.",
			strings.Join(x.deny, " "), orNothing(x.allow))
	}
	if x.private {
		s.note("Its unit gives it a network of its own (PrivateNetwork=yes); whether that is in force was not seen.")
	}
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, " ")
}
