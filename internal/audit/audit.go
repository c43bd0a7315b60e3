// Package audit looks at memcached from inside the machine that it runs on: at
// its processes, their sockets and options, at the files that start it, and at
// the firewall's rules. It reads and changes nothing, sends nothing, and never
// runs the program that it audits. What it could not see, it says.
package audit

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// Options say what to audit.
type Options struct {
	// Root is the folder that an image is mounted at: then only its files are
	// read. "" is this machine, with its processes (Linux only).
	Root string
}

// Report is what an audit saw.
type Report struct {
	// Hosts are the addresses and ports at which a memcached is reached, or
	// would be after a start, in order. One bound to every address is a host at
	// each of the machine's; in an image, which has none, at 0.0.0.0 and ::.
	Hosts    []exposure.Host
	Plan     json.RawMessage // what was looked at, with its digest
	Detail   []string        // what is worth knowing and is no finding, without a full stop
	Status   exposure.Status
	Coverage exposure.Coverage
	Problems []string // what could not be seen and matters
}

// Run audits this machine, or a mounted image.
func Run(ctx context.Context, o Options) (Report, error) {
	folder := o.Root
	if folder == "" {
		if runtime.GOOS != "linux" {
			return Report{}, errors.New("audit: processes and sockets are read on Linux only: write --root DIR to audit a mounted image")
		}
		folder = "/"
	}
	t, err := openTree(folder)
	if err != nil {
		return Report{}, fmt.Errorf("audit: %w", err)
	}
	defer t.close()
	s := newSurvey(t)
	if o.Root != "" {
		s.image()
		return s.report(o.Root), nil
	}
	if err := s.machine(ctx, proc{dir: "/proc", order: binary.NativeEndian}, loadedRules); err != nil {
		return Report{}, fmt.Errorf("audit: %w", err)
	}
	return s.report(""), nil
}

// survey is an audit under way.
type survey struct {
	tree     *tree
	users    accounts
	bases    []netip.Addr // addresses that are planned whether or not there is anything
	found    map[netip.AddrPort][]exposure.Observation
	unknown  map[netip.Addr]map[exposure.Transport]bool // endpoints of which nothing is known
	blind    bool                                       // nor of any other at which nothing answers
	detail   []string
	problems []string
	seen     []string // processes and services
}

func newSurvey(t *tree) *survey {
	s := &survey{
		tree:    t,
		found:   map[netip.AddrPort][]exposure.Observation{},
		unknown: map[netip.Addr]map[exposure.Transport]bool{},
	}
	var err error
	if s.users, err = t.accounts(); err != nil {
		s.problem("who is root is not known: %v", err)
	}
	return s
}

func (s *survey) say(format string, args ...any) {
	s.detail = append(s.detail, fmt.Sprintf(format, args...))
}

func (s *survey) problem(format string, args ...any) {
	if p := fmt.Sprintf(format, args...); !slices.Contains(s.problems, p) {
		s.problems = append(s.problems, p)
	}
}

func (s *survey) add(made *server) {
	for at, list := range made.observations() {
		s.found[at] = append(s.found[at], list...)
	}
}

// image audits files alone: what would be there if they were started.
func (s *survey) image() {
	s.bases = everywhere()
	s.say("only files were read, no process and no socket; a memcached that is started by anything but a unit or an init script is not seen")
	if !s.tree.exists("/etc") && !s.tree.exists("/usr") {
		s.problem("there is neither /etc nor /usr: no system is mounted there")
		s.blind = true
	}
	services, errs := s.tree.services(nil)
	for _, err := range errs {
		s.problem("%v", err)
		s.blind = true
	}
	rules := s.tree.savedRules()
	for _, svc := range services {
		s.announce(svc)
		if svc.masked {
			continue
		}
		made, problems := s.tree.configured(svc, s.users, interfaces{outside: everywhere()})
		made.firewall = rules
		made.notes = append(made.notes, s.aboutPackage()...)
		made.notes = append(made.notes, "It was not seen running: this is what its files would start.")
		for _, p := range problems {
			s.problem("%s", p)
		}
		if svc.starts() {
			s.add(made)
		}
		if len(svc.unclear) > 0 || made.partial { // it may open anything
			s.blind = true
		}
	}
	if program := s.tree.installed(); len(services) == 0 && program != "" {
		s.problem("%s is installed, and nothing that was read says how it is started", program)
		s.blind = true
	}
}

// announce says of a service what no finding may say.
func (s *survey) announce(svc *service) {
	s.seen = append(s.seen, svc.name)
	switch {
	case svc.masked:
		s.say("%s is masked: it is never started", svc.name)
		return
	case !svc.enabled:
		s.say("nothing that was read starts %s at boot", svc.name)
	}
	if len(svc.unclear) == 0 && svc.user == "" {
		for _, n := range svc.notes {
			s.say("%s", strings.TrimSuffix(n, "."))
		}
	}
}

func (s *survey) aboutPackage() []string {
	if v := s.tree.debianPackage(); v != "" {
		return []string{fmt.Sprintf("The Debian package memcached %s is installed.", v)}
	}
	return nil
}
