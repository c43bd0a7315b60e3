package audit

import (
	"io"
	"os"
	"regexp"
	"strings"
)

// programs is where memcached is installed, as a rule.
func programs() []string {
	return []string{
		"/usr/bin/memcached", "/usr/local/bin/memcached", "/usr/sbin/memcached", "/usr/local/sbin/memcached",
		"/opt/memcached/bin/memcached", "/opt/bitnami/memcached/bin/memcached", "/usr/bin/memcached-debug",
	}
}

// installed is the first of them that is there, "" for none.
func (t *tree) installed() string {
	for _, program := range programs() {
		if t.exists(program) {
			return program
		}
	}
	return ""
}

// versionLine is what memcached answers to "version", as it stands in the
// program: the program itself is never run.
var versionLine = regexp.MustCompile(`\x00VERSION (\d{1,4}\.\d{1,4}\.\d{1,4}[!-~]{0,40})[\x00\r]`)

func versionIn(program []byte) string {
	if m := versionLine.FindSubmatch(program); m != nil {
		return string(m[1])
	}
	return ""
}

// version of a program in the tree, "" where it is not known.
func (t *tree) version(program string) string {
	b, err := t.read(program, maxBinary)
	t.note(program, err)
	if err != nil {
		return ""
	}
	return versionIn(b)
}

// versionOf reads a program by a file that is open to this process, as
// /proc/PID/exe is.
func versionOf(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	b, err := io.ReadAll(io.LimitReader(f, maxBinary))
	if err != nil {
		return ""
	}
	return versionIn(b)
}

// debianPackage is the version of the installed package, "" where there is none.
func (t *tree) debianPackage() string {
	const file = "/var/lib/dpkg/status"
	b, err := t.read(file, maxBinary)
	t.note(file, err)
	if err != nil {
		return ""
	}
	_, rest, ok := strings.Cut("\n"+string(b), "\nPackage: memcached\n")
	if !ok {
		return ""
	}
	stanza, _, _ := strings.Cut(rest, "\n\n")
	if !strings.Contains("\n"+stanza+"\n", "\nStatus: install ok installed\n") {
		return ""
	}
	_, rest, _ = strings.Cut("\n"+stanza+"\n", "\nVersion: ")
	version, _, _ := strings.Cut(rest, "\n")
	return version
}

// accounts are the users of /etc/passwd: user ID by name.
type accounts map[string]string

func (t *tree) accounts() (accounts, error) {
	text, err := t.text("/etc/passwd")
	list := accounts{}
	if err != nil {
		return list, ignoreAbsent(err)
	}
	for line := range strings.Lines(text) {
		if f := strings.Split(line, ":"); len(f) >= 4 {
			if _, taken := list[f[0]]; !taken {
				list[f[0]] = f[2]
			}
		}
	}
	return list, nil
}

// root reports whether a user, by name or number, has the user ID 0. No name at
// all is root's.
func (a accounts) root(user string) bool {
	return user == "" || user == "root" || user == "0" || a[user] == "0"
}

// name of a user ID; the number itself where it is not known.
func (a accounts) name(id string) string {
	found := id
	for name, number := range a {
		if number == id && (found == id || name < found) {
			found = name
		}
	}
	return found
}
