package exposure

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// unitName is the name of a service that may stand in a path and in a command
// line as it is. The part behind the @ is that of an instance.
var unitName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(@[A-Za-z0-9_.-]{1,64})?\.service$`)

const stockUnit = "memcached.service"

// startedBy takes in the unit that starts what answered, which an audit sees.
func (x *exposed) startedBy(o *Observation, memcached bool) {
	if !memcached {
		return
	}
	unit := ""
	if o.Process != nil && unitName.MatchString(o.Process.Service) {
		unit = o.Process.Service
	}
	if !slices.Contains(x.services, unit) {
		x.services = append(x.services, unit)
	}
}

// unitSeen reports whether one unit is known to start all that is exposed.
func (x exposed) unitSeen() bool { return len(x.services) == 1 && x.services[0] != "" }

// unit is the one that starts memcached: what an audit saw, or the one that
// packages bring.
func (x exposed) unit() string {
	if x.unitSeen() {
		return x.services[0]
	}
	return stockUnit
}

// instance is NAME of memcached@NAME.service. It is not ok where the unit is
// none that a package brings, so that nobody knows which file it reads.
func (x exposed) instance() (name string, ok bool) {
	if x.unit() == stockUnit {
		return "", true
	}
	name, ok = strings.CutPrefix(strings.TrimSuffix(x.unit(), ".service"), "memcached@")
	return name, ok
}

// ownFile are shell lines that end a script where a file of options is not that
// of the server which is exposed: an instance beside it may be. An audit has seen the unit, and
// there is nothing to find out. text is the
// command that prints the options in the files that follow it; stock is the port that it has without any.
// What the file was before the first change counts as well: -U is gone since.
func (x exposed) ownFile(file, text, stock string) []string {
	if x.unitSeen() {
		return nil
	}
	var ports []string
	for _, port := range x.ports() {
		ports = append(ports, fmt.Sprint(port))
	}
	return []string{
		fmt.Sprintf(`test -f %[1]s || { echo "%[1]s is not there: nothing was changed" >&2; exit 1; }`, file),
		fmt.Sprintf(`options=$(%[1]s %[2]s %[2]s.before-memsweep 2>/dev/null || true)`, text, file),
		`ports=$(printf '%s\n' "$options" | grep -oE '(^|[[:space:]])((-p|-U)[[:space:]]*|(--port|--udp-port)[=[:space:]]+)[0-9]+|(\.[0-9]+|\]|\*):[0-9]+' | grep -oE '[0-9]+$' | tr '\n' ' ' || true)`,
		fmt.Sprintf(`printf '%%s\n' "$options" | grep -qE '(^|[[:space:]])(-p|--port)' || ports="%s $ports"`, stock),
		fmt.Sprintf(`for port in %s; do case " $ports " in *" $port "*) ;; *) echo "%s is not that of the server at port $port, which another instance is: nothing was changed" >&2; exit 1;; esac; done`,
			strings.Join(ports, " "), file),
	}
}

// together is a regular expression (ERE) for short options that are written as
// one word, such as -vl: those in front take no value (memcached.c, main).
const together = `(^|[[:space:]])-[AZMkhiVrvdLCSFXW]+[lUp]`

// apart is a shell line that ends a script where options are written as one
// word, which cannot be set anew.
func apart(file, text string) string {
	return fmt.Sprintf(`! %[1]s %[2]s | grep -qE '%[3]s' || { echo "%[2]s has short options in one word, such as -vl: write each on its own first; nothing was changed" >&2; exit 1; }`, text, file, together)
}
