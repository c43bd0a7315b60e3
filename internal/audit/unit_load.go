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
	also   []string // its other names (Alias=), for its drop-ins
	files  []unitFile
	masked bool
	errs   []error // of files that are there and could not be read
}

type unitFile struct {
	name     string
	settings []setting
}

// loadUnit reads a unit and its drop-ins, also those of its other names. ok is
// false when there is none.
func (t *tree) loadUnit(name string, also []string) (u unit, ok bool) {
	u.name, u.also = newUnitName(name), also
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
	names := []string{u.name.full}
	names = append(names, u.also...)
	for _, name := range append(names, u.name.template(), "service") {
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

// unitNames lists the services that there are: the units, and the instances
// that something wants. enabled are those that something wants.
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
			case startable(n):
				found[n] = true
			case strings.HasSuffix(n, ".wants") || strings.HasSuffix(n, ".requires"):
				wanted, err := t.list(path.Join(folder, n))
				if err != nil {
					errs = append(errs, err)
				}
				for _, w := range wanted {
					if startable(w) {
						found[w], enabled[w] = true, true
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), enabled, errs
}

// aliases sorts names by the unit that they are names of. One whose file is a
// link to the file of another unit is an alias of that (systemd.unit(5)).
func (t *tree) aliases(names []string) map[string][]string {
	units := map[string][]string{}
	for _, name := range names {
		if own := t.aliasOf(name); own != "" {
			units[own] = append(units[own], name)
		} else {
			units[name] = append(units[name], nil...)
		}
	}
	return units
}

// aliasOf is the unit that a name is an alias of, "" where it is a unit's own.
// A link to a file that is in no folder of units is a unit of the link's name.
func (t *tree) aliasOf(name string) string {
	at, ok := t.fragmentFile(name)
	base := path.Base(at)
	if !ok || base == name || !startable(base) {
		return ""
	}
	if own, ok := t.fragmentFile(base); !ok || own != at {
		return ""
	}
	return base
}

// fragmentFile is the file of a unit, behind every link.
func (t *tree) fragmentFile(name string) (string, bool) {
	fragment, ok := t.fragment(newUnitName(name))
	if !ok || t.masked(fragment) {
		return "", false
	}
	at, err := t.resolve(fragment)
	return at, err == nil
}

// startable reports whether a name is that of a service, or an instance of one.
// A template alone starts nothing.
func startable(name string) bool {
	return strings.HasSuffix(name, ".service") && !strings.HasSuffix(name, "@.service")
}

// memcachedUnit reports whether a service is called after memcached. What such
// a one starts is taken to be memcached where that is not known.
func memcachedUnit(name string) bool { return startable(name) && strings.HasPrefix(name, "memcached") }
