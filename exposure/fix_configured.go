package exposure

import (
	"fmt"
	"slices"
	"strings"
)

// configured changes the options in a file that memcached's unit reads. Where
// clients need TCP, the unit is told who they are: memcached cannot be. own are
// the lines that end the script, before it changes anything, where the file is
// another server's.
func (x exposed) configured(list []Fix, where string, own []string, edit func(options []string) []string) []Fix {
	if !x.stock {
		return list
	}
	if _, ok := x.instance(); !ok {
		return x.dropIn(list) // nobody knows which file it reads
	}
	options, filtered := x.options(), x.reachable && len(x.clients) > 0
	switch {
	case len(options) > 0:
		list = append(list, Fix{Title: x.aim() + " (" + where + "), now and after a reboot", Lines: slices.Concat(own, edit(options))})
	case len(own) > 0 && filtered:
		list = append(list, Fix{Title: "See that the unit is that of the server (" + where + ")", Lines: own})
	}
	if filtered { // before the restart: it must hold as soon as it listens again
		list = x.dropIn(list)
	}
	if len(options) > 0 {
		list = append(list, Fix{Title: "Restart it, which empties the cache and ends its connections, and see what it listens on", Lines: x.restart()})
	}
	return list
}

// edited is the same for people: what to write into the file, and no lines that
// look after everything that may stand there. edit makes the change.
func (x exposed) edited(list []Fix, where string, edit func(options []string) Fix) []Fix {
	options := x.options()
	_, ok := x.instance()
	if !x.stock || !x.alone && (!ok || len(options) == 0) {
		return list // what systemd does is shown as well
	}
	if !ok {
		return x.dropIn(list)
	}
	if len(options) > 0 {
		change := edit(options)
		change.Title = x.aim() + " (" + where + ")"
		list = append(list, change)
	}
	if x.reachable && len(x.clients) > 0 {
		list = x.dropIn(list)
	}
	if len(options) > 0 {
		list = append(list, Fix{Title: "Restart, and check what it listens on", Lines: x.restart()})
	}
	return list
}

// backup keeps a file as it was before the first change.
func backup(file string) string {
	return fmt.Sprintf("test -e %[1]s.before-memsweep || cp -p %[1]s %[1]s.before-memsweep", file)
}

// endLine ends the last line of a file, where it has no end.
func endLine(file string) string { return `sed -i '$a\' ` + file }

// setAnew is a regular expression (ERE) for the options that are set anew, each
// with its value: -U0, -U 0, --udp-port=0, --udp-port 0.
func setAnew(options []string) string {
	long := map[string]string{"-U": "--udp-port", "-l": "--listen"}
	var shorts, longs []string
	for _, option := range options {
		name, _, _ := strings.Cut(option, " ")
		shorts, longs = append(shorts, name), append(longs, long[name])
	}
	return fmt.Sprintf(`((%s)[[:space:]]*|(%s)[=[:space:]][[:space:]]*)[^[:space:]#]+`, strings.Join(shorts, "|"), strings.Join(longs, "|"))
}
