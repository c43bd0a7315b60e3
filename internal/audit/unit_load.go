package audit

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// unitFolders is where systemd looks for units of the system, first come first
// served (systemd.unit(5), "Unit File Load Path").
func unitFolders() []string {
	return []string{
		"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient",
		"/run/systemd/generator.early", "/etc/systemd/system", "/etc/systemd/system.attached",
		"/run/systemd/system", "/run/systemd/system.attached", "/run/systemd/generator",
		"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
		"/run/systemd/generator.late",
	}
}

// unit is a service unit with its drop-ins, in the order in which they count.
type unit struct {
	name   unitName
	files  []unitFile
	masked bool
	errs   []error // of files that are there and could not be read
}

type unitFile struct {
	name     string
	settings []setting
}

// loadUnit reads a unit and its drop-ins. ok is false when there is none.
func (t *tree) loadUnit(name string) (u unit, ok bool) {
	u.name = newUnitName(name)
	fragment, ok := t.fragment(u.name)
	if !ok {
		return u, false
	}
	if u.masked = t.masked(fragment); u.masked {
		t.note(fragment, nil)
		return u, true
	}
	for _, file := range append([]string{fragment}, t.dropIns(&u)...) {
		text, err := t.text(file)
		if err != nil {
			u.errs = append(u.errs, err)
			continue
		}
		u.files = append(u.files, unitFile{file, unitSettings(text)})
	}
	return u, true
}

// fragment is the file of the unit itself, or of the template that it is an
// instance of.
func (t *tree) fragment(u unitName) (string, bool) {
	for _, name := range []string{u.full, u.template()} {
		if name == "" {
			continue
		}
		for _, folder := range unitFolders() {
			if file := path.Join(folder, name); t.masked(file) || t.exists(file) {
				return file, true
			}
		}
	}
	return "", false
}

// dropIns lists NAME.d/*.conf in the order of their names. Of two with one
// name the first counts: the unit's own before its template's and before those
// of every service, and /etc before /run before /usr.
func (t *tree) dropIns(u *unit) []string {
	found := map[string]string{}
	for _, name := range []string{u.name.full, u.name.template(), "service"} {
		if name == "" {
			continue
		}
		for _, folder := range unitFolders() {
			folder = path.Join(folder, name+".d")
			names, err := t.list(folder)
			if err != nil {
				u.errs = append(u.errs, err)
			}
			for _, n := range names {
				if _, taken := found[n]; !taken && strings.HasSuffix(n, ".conf") {
					found[n] = path.Join(folder, n)
				}
			}
		}
	}
	var files []string
	for _, n := range slices.Sorted(maps.Keys(found)) {
		if !t.masked(found[n]) {
			files = append(files, found[n])
		}
	}
	return files
}

// unitNames lists the services of memcached that there are: the units, and the
// instances that something wants. enabled are those that something wants.
func (t *tree) unitNames() (names []string, enabled map[string]bool, errs []error) {
	found := map[string]bool{}
	enabled = map[string]bool{}
	for _, folder := range unitFolders() {
		list, err := t.list(folder)
		if err != nil {
			errs = append(errs, err)
		}
		for _, n := range list {
			switch {
			case memcachedUnit(n):
				found[n] = true
			case strings.HasSuffix(n, ".wants") || strings.HasSuffix(n, ".requires"):
				wanted, err := t.list(path.Join(folder, n))
				if err != nil {
					errs = append(errs, err)
				}
				for _, w := range wanted {
					if memcachedUnit(w) {
						found[w], enabled[w] = true, true
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), enabled, errs
}

// memcachedUnit reports whether a name is that of a service, or an instance of
// one, that may be memcached's. A template alone starts nothing.
func memcachedUnit(name string) bool {
	return strings.HasPrefix(name, "memcached") && strings.HasSuffix(name, ".service") && !strings.HasSuffix(name, "@.service")
}
