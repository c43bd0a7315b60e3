package audit

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// command is an ExecStart= line with everything put in.
type command struct {
	program string
	args    []string
}

// execStart reads the value of ExecStart= (systemd.service(5), "Command
// lines"). env are the variables that the process will have.
func execStart(value string, u unitName, env map[string]string) (command, error) {
	words, err := unitWords(value)
	if err != nil {
		return command{}, err
	}
	if len(words) == 0 {
		return command{}, errors.New("it is empty")
	}
	program := strings.TrimLeft(words[0], "@-:+!|")
	prefix := words[0][:len(words[0])-len(program)]
	words = words[1:]
	if strings.Contains(prefix, "|") {
		return command{}, errors.New("it is run by a shell, and shells are not read")
	}
	if strings.Contains(prefix, "@") && len(words) > 0 { // it gives the program another name
		words = words[1:]
	}
	c := command{}
	if c.program, err = u.expand(program); err != nil {
		return c, err
	}
	for _, w := range words {
		if w, err = u.expand(w); err != nil {
			return c, err
		}
		if strings.Contains(prefix, ":") {
			c.args = append(c.args, w)
			continue
		}
		more, err := variables(w, env)
		if err != nil {
			return c, err
		}
		c.args = append(c.args, more...)
	}
	return c, nil
}

// variables puts in what $NAME, as a word of its own, and ${NAME} stand for: the
// first becomes any number of words, the second stays part of its word.
func variables(word string, env map[string]string) ([]string, error) {
	if name, ok := strings.CutPrefix(word, "$"); ok && variable(name) {
		words, err := unitWords(env[name])
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", name, err)
		}
		return words, nil
	}
	return []string{reference.ReplaceAllStringFunc(word, func(found string) string {
		if found == "$$" {
			return "$"
		}
		return env[found[2:len(found)-1]]
	})}, nil
}

var reference = regexp.MustCompile(`\$\$|\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// named are the variables that a command line refers to.
func named(value string) map[string]bool {
	names := map[string]bool{}
	for _, m := range anyReference.FindAllStringSubmatch(value, -1) {
		names[m[1]+m[2]] = true
	}
	return names
}

var anyReference = regexp.MustCompile(`\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))`)

// memcachedName is what the program is called, with the version or suffix that
// some add; not memcached-tool, memcached_exporter and their like.
var memcachedName = regexp.MustCompile(`^memcached([-_.]?(debug|dbg|bin|real|server|[0-9][0-9.]*))?$`)

// isMemcached reports whether a path or a process name is memcached's.
func isMemcached(name string) bool { return memcachedName.MatchString(path.Base(name)) }

// wraps reports whether a program is one of Debian's that reads the
// configuration file and becomes memcached.
func wraps(name string) bool {
	return slices.Contains([]string{"systemd-memcached-wrapper", "start-memcached"}, path.Base(name))
}

// runners start the program that is named in their arguments, under the same user.
var runners = []string{"env", "nice", "ionice", "chrt", "taskset", "numactl", "stdbuf"}

// memcached is the part of the command line that memcached itself gets. ok is
// false when the command does not start it, as far as can be seen.
func (c command) memcached() (program string, args []string, ok bool) {
	if isMemcached(c.program) {
		return c.program, c.args, true
	}
	if !slices.Contains(runners, path.Base(c.program)) {
		return "", nil, false
	}
	i := slices.IndexFunc(c.args, isMemcached)
	if i < 0 {
		return "", nil, false
	}
	return c.args[i], c.args[i+1:], true
}
