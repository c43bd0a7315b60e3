package exposure

import (
	"fmt"
	"strings"
)

// configured changes the options in a file that memcached's unit reads. Where
// clients need TCP, the unit is told who they are: memcached cannot be.
func (x exposed) configured(where string, edit func(options []string) []string) []Fix {
	if !x.stock {
		return nil
	}
	var list []Fix
	if options := x.options(); len(options) > 0 {
		list = append(list,
			Fix{Title: x.aim() + " (" + where + "), now and after a reboot", Lines: edit(options)},
			Fix{Title: "Restart it, which empties the cache and ends its connections, and see what it listens on", Lines: x.restart()},
		)
	}
	if x.reachable && len(x.clients) > 0 {
		list = append(list, fixSystemd(x)...)
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
