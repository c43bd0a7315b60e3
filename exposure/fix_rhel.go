package exposure

import (
	"fmt"
	"strings"
)

// fixRHEL: the unit passes $OPTIONS after its own -p, -u, -m and -c, so what
// is in OPTIONS wins. Only one OPTIONS line counts, the last. systemd takes
// blanks around the name and an end of line inside of quotes, or behind a
// backslash (systemd.exec(5)): what is not one plain line is left to people.
func fixRHEL(list []Fix, x exposed) []Fix {
	const common = "/etc/sysconfig/memcached"
	name, _ := x.instance()
	file := common
	if name != "" {
		file += "." + name
	}
	if x.run {
		return x.configured(list, "RHEL, CentOS, Fedora", x.ownFile(file, optionsText, sysconfigPort(file)), func(options []string) []string {
			return append(onePlainLine(common, file),
				backup(file),
				fmt.Sprintf(`grep -qE '^[[:space:]]*OPTIONS[[:space:]]*=' %[1]s || { %[2]s; echo 'OPTIONS=""' >>%[1]s; }`, file, endLine(file)),
				// Takes the quotes off, the options out, and puts both back.
				fmt.Sprintf(`sed -i -E '/^[[:space:]]*OPTIONS[[:space:]]*=/ { s/^[[:space:]]*OPTIONS[[:space:]]*=[[:space:]]*["\x27]?(.*[^"\x27[:space:]])?["\x27]?[[:space:]]*$/OPTIONS= \1/; s/[[:space:]]%s//g; s/^OPTIONS=[[:space:]]*(.*)$/OPTIONS="\1 %s"/; s/="[[:space:]]+/="/ }' %s`,
					setAnew(options), strings.Join(options, " "), file),
			)
		})
	}
	return x.edited(list, "RHEL, CentOS, Fedora", func(options []string) Fix {
		return Fix{File: file, Lines: []string{
			"# Instead of the OPTIONS line in this file; keep other options that it has, but " + x.others() + ".",
			fmt.Sprintf("OPTIONS=%q", strings.Join(options, " ")),
		}}
	})
}

// optionsName is a regular expression (ERE) for what a line with options starts
// with, and optionsText the command that prints them without their quotes.
const (
	optionsName = `^[[:space:]]*OPTIONS[[:space:]]*=`
	optionsText = `sed -n -E '/` + optionsName + `/ { s/` + optionsName + `/ /; s/["\x27]/ /g; p }'`
)

// sysconfigPort is the port that a file of the unit's variables names.
func sysconfigPort(file string) string {
	return fmt.Sprintf(`$(sed -n -E 's/^[[:space:]]*PORT[[:space:]]*=[[:space:]]*["\x27]?([0-9]+).*/\1/p' %s | tail -n 1 | grep . || echo 11211)`, file)
}

// onePlainLine are the lines that end the script where OPTIONS is more than
// that. An instance reads its own file after the common one, which may be all
// that there is: then it gets one, with the options of that.
func onePlainLine(common, file string) []string {
	source, lines := file, []string(nil)
	if file != common {
		source = "$source"
		lines = append(lines, fmt.Sprintf(`source=%[1]s; test -f "$source" || source=%[2]s`, file, common))
	}
	lines = append(lines,
		apart(source, optionsText),
		fmt.Sprintf(`if test "$(grep -cE '%[1]s' %[2]s)" -gt 1 || grep -q '\\$' %[2]s || sed -E '/%[1]s/ !d; /%[1]s[[:space:]]*("[^"\\]*"|\x27[^\x27\\]*\x27|[^"\x27\\]*)[[:space:]]*$/ d' %[2]s | grep -q .; then`, optionsName, source),
		fmt.Sprintf(`    echo "%s has OPTIONS twice, over several lines, or with quotes inside: write one plain line first; nothing was changed" >&2; exit 1`, source),
		"fi")
	if file != common {
		lines = append(lines, fmt.Sprintf(`test -f %[1]s || grep -E '%[3]s' %[2]s >%[1]s || true`, file, common, optionsName))
	}
	return lines
}

// others says what of an old OPTIONS must go and what must stay: without the
// -l that it has, a server whose TCP is shut off would open it to everyone,
// and without its -U 0 a server before 1.5.6 would switch UDP on.
func (x exposed) others() string {
	switch {
	case x.udpOn && x.reachable && len(x.clients) == 0:
		return "no other -U or -l"
	case x.udpOn:
		return "no other -U; keep -l as it is"
	}
	return "no other -l; keep -U as it is"
}
