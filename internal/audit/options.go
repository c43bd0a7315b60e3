package audit

import (
	"slices"
	"strconv"
	"strings"
)

// options is a command line of memcached as memcached itself reads it
// (memcached.c, main): short options may be clustered, long ones shortened,
// and of several the last counts, but every -l adds.
type options struct {
	tcp, udp   port
	listen     []string // the arguments of -l, in order
	socket     string   // -s: then there is no network at all
	user       string
	sasl, tls  bool
	authFile   string
	protocol   string // -B, "" for auto
	maxConns   string
	memory     string // megabytes
	itemSize   string
	verbosity  uint64
	shutdown   bool // -A
	noFlush    bool // -F
	noDump     bool // -X
	extended   map[string]string
	unreadable []string // what no memcached known here would understand
}

// port is the argument of -p or -U.
type port struct {
	number uint64
	given  bool
}

// shortOptions are those of every release, as getopt(3) writes them.
const shortOptions = "a:Ap:s:U:m:Mc:khiVrvdl:u:P:f:n:t:D:LR:Cb:B:I:SFXWY:e:o:ZN:"

// longOptions are their long names.
var longOptions = map[string]byte{
	"unix-mask": 'a', "enable-shutdown": 'A', "port": 'p', "unix-socket": 's', "udp-port": 'U',
	"memory-limit": 'm', "disable-evictions": 'M', "conn-limit": 'c', "lock-memory": 'k', "help": 'h',
	"license": 'i', "version": 'V', "enable-coredumps": 'r', "verbose": 'v', "daemon": 'd', "listen": 'l',
	"user": 'u', "pidfile": 'P', "slab-growth-factor": 'f', "slab-min-size": 'n', "threads": 't',
	"enable-largepages": 'L', "max-reqs-per-event": 'R', "disable-cas": 'C', "listen-backlog": 'b',
	"protocol": 'B', "max-item-size": 'I', "enable-sasl": 'S', "disable-flush-all": 'F',
	"disable-dumping": 'X', "disable-watch": 'W', "auth-file": 'Y', "memory-file": 'e', "extended": 'o',
	"enable-ssl": 'Z', "napi-ids": 'N',
}

// parseOptions reads the arguments, without the program's name.
func parseOptions(args []string) options {
	o := options{extended: map[string]string{}}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return o
		case strings.HasPrefix(arg, "--"):
			args = o.long(arg[2:], args)
		case strings.HasPrefix(arg, "-") && arg != "-":
			args = o.cluster(arg[1:], args)
		}
	}
	return o
}

// long takes in --name, --name=value or --name value, and returns what is left.
func (o *options) long(arg string, rest []string) []string {
	name, value, withValue := strings.Cut(arg, "=")
	letter, ok := longOption(name)
	switch {
	case !ok:
		o.unreadable = append(o.unreadable, "--"+name)
	case !takesValue(letter): // -v may have one, which memcached does not look at
		o.set(letter, "")
	case withValue:
		o.set(letter, value)
	case len(rest) == 0:
		o.unreadable = append(o.unreadable, "--"+name+" without a value")
	default:
		o.set(letter, rest[0])
		return rest[1:]
	}
	return rest
}

// longOption finds a long option by its name or an unambiguous start of it.
func longOption(name string) (letter byte, ok bool) {
	if letter, ok := longOptions[name]; ok || name == "" {
		return letter, ok
	}
	found := map[byte]bool{}
	for full, l := range longOptions {
		if strings.HasPrefix(full, name) {
			letter, found[l] = l, true
		}
	}
	return letter, len(found) == 1
}

// cluster takes in "vvp11211", and returns what is left of the arguments.
func (o *options) cluster(letters string, rest []string) []string {
	for i := range len(letters) {
		letter := letters[i]
		switch {
		case letter == ':' || strings.IndexByte(shortOptions, letter) < 0:
			o.unreadable = append(o.unreadable, "-"+strconv.QuoteRuneToASCII(rune(letter)))
		case !takesValue(letter):
			o.set(letter, "")
		case i+1 < len(letters):
			o.set(letter, letters[i+1:])
			return rest
		case len(rest) == 0:
			o.unreadable = append(o.unreadable, "-"+string(letter)+" without a value")
		default:
			o.set(letter, rest[0])
			return rest[1:]
		}
	}
	return rest
}

func takesValue(letter byte) bool {
	return strings.Contains(shortOptions, string(letter)+":")
}

func (o *options) set(letter byte, value string) {
	switch letter {
	case 'p':
		o.tcp = port{atoi(value), true}
	case 'U':
		o.udp = port{atoi(value), true}
	case 'l':
		o.listen = append(o.listen, value)
	case 's':
		o.socket = value
	case 'u':
		o.user = value
	case 'S':
		o.sasl = true
	case 'Z':
		o.tls = true
	case 'Y':
		o.authFile = value
	case 'B':
		o.protocol = value
	case 'c':
		o.maxConns = value
	case 'm':
		o.memory = value
	case 'I':
		o.itemSize = value
	case 'v':
		o.verbosity++
	case 'A':
		o.shutdown = true
	case 'F':
		o.noFlush = true
	case 'X':
		o.noDump = true
	case 'o':
		o.extend(value)
	}
}

// extend takes in the suboptions of -o, as getsubopt(3) reads them.
func (o *options) extend(value string) {
	for sub := range strings.SplitSeq(value, ",") {
		name, value, _ := strings.Cut(sub, "=")
		o.extended[name] = value
	}
}

// atoi reads a number as C does: the digits at the start, 0 when there are none.
func atoi(s string) uint64 {
	s = strings.TrimPrefix(strings.TrimLeft(s, " \t\r\n\v\f"), "+")
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		s = s[:end]
	}
	n, _ := strconv.ParseUint(s, 10, 64) // too large: the largest there is
	return n
}

// inter is the -l argument as `stats settings` shows it.
func (o options) inter() string {
	if len(o.listen) == 0 {
		return "NULL"
	}
	return strings.Join(o.listen, ",")
}

// wantsCertificate: 2 is Require, 3 Once (memcached.c, SSL_VERIFY_MODE).
func (o options) wantsCertificate() bool {
	return o.tls && slices.Contains([]uint64{2, 3}, atoi(o.extended["ssl_verify_mode"]))
}
