package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/report"
)

const fixDescription = `REPORT is a json or jsonl report, or - for stdin; FINDING is the ID of a finding
in it, or its address. Without one, every finding is closed but those that the
policy justifies, and those that are not known to be memcached; these must be
named. What answers as SSH is never closed.

--allow says who must still get in: networks of either family. Firewalls then
let them in; debian and rhel turn UDP off, and have systemd hold all others off,
since memcached itself cannot tell clients apart. Without --allow, nobody gets
in but the host itself. Nothing that a server said gets into what is printed.

The lines on stdout are for people, who see what is there already. -o FILE, with
one --for and one finding, writes a file to run (debian, rhel, csf, aws-sg: sh
FILE) or to load (the others: how, and how it survives a reboot, stands in it),
which looks first; -o - writes it to stdout instead. All can be applied again. iptables, nftables, csf and aws-sg leave
open connections open; systemd holds strangers off at once; debian and rhel may
restart memcached, which ends all connections and empties the cache. They change
the server of the unit that an audit saw; else they stop before they change
anything where the file is that of a server at another port.

   memsweep fix report.json
   memsweep fix report.json 192.0.2.7 --for nftables --allow 10.0.0.0/24 -o memcached.nft

Of a report that was cut off, what is there is used, and the exit code is 3.`

func fixCommand() *cli.Command {
	return &cli.Command{
		Name:        "fix",
		Usage:       "print the change that closes a finding, and how to verify it",
		ArgsUsage:   "REPORT [FINDING...]",
		Description: fixDescription,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "for", Usage: "for `SYSTEM` only: " + strings.Join(exposure.Systems(), ", ") + " (may be repeated, or separated by commas)", DefaultText: "all"},
			&cli.StringSliceFlag{Name: "allow", Usage: "let `NETWORK` in, such as 10.0.0.0/24 or fd00::/64 (may be repeated, or separated by commas)"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write the change for one --for and one finding to `FILE` too, ready to be run or loaded; - is stdout"},
		},
		Action: fix,
	}
}

// mending is one run of fix.
type mending struct {
	cli     *cli.Context
	systems []string
	clients []netip.Prefix
	named   []string        // IDs and addresses; empty: every finding that nobody justifies
	met     map[string]bool // those of named that were found
	header  report.Header
	closed  int    // findings
	held    string // with -o: what goes to stdout once it is known to be all
	ready   string // with -o: the file
}

func fix(c *cli.Context) error {
	m, err := newMending(c)
	if err != nil {
		return usage(err)
	}
	in, name := c.App.Reader, c.Args().First()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return usagef("fix: %w", err)
		}
		defer f.Close()
		in = f
	}
	stored, err := report.Read(in, name)
	if err != nil {
		return usagef("fix: %w", err)
	}
	m.header = stored.Header
	var lost error
	for f, err := range stored.Findings() {
		if err != nil {
			lost = err
			break
		}
		if err := m.finding(&f); err != nil {
			return err
		}
	}
	if lost == nil {
		if s := stored.Summary().Status; s != exposure.Complete {
			lost = fmt.Errorf("the report in %s is %s", name, s)
		}
	}
	return m.conclude(lost)
}

func newMending(c *cli.Context) (*mending, error) {
	m := &mending{cli: c, systems: c.StringSlice("for"), met: map[string]bool{}}
	switch first := c.Args().First(); {
	case first == "":
		return nil, errors.New("fix: write a report: `memsweep fix REPORT [FINDING...] --for nftables --allow 10.0.0.0/24`")
	case c.NArg() == 1 && strings.HasPrefix(first, "ms-") && !exists(first):
		return nil, fmt.Errorf("fix: a finding is looked up in its report: `memsweep fix REPORT %s`", first)
	}
	m.named = c.Args().Tail()
	for _, name := range m.systems {
		if !slices.Contains(exposure.Systems(), name) {
			return nil, fmt.Errorf("--for %q: write one of %s", name, strings.Join(exposure.Systems(), ", "))
		}
	}
	if c.IsSet("output") && (len(m.systems) != 1 || c.String("output") == "") {
		return nil, fmt.Errorf("-o holds the change for one system: write --for once, one of %s", strings.Join(exposure.Systems(), ", "))
	}
	if len(m.systems) == 0 {
		m.systems = exposure.Systems()
	}
	var err error
	if m.clients, err = exposure.ParseClients(c.StringSlice("allow")); err != nil {
		return nil, fmt.Errorf("--allow: %w", err)
	}
	return m, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// finding prints how to close f, if that is wanted.
func (m *mending) finding(f *exposure.Finding) error {
	if !m.wants(f) {
		return nil
	}
	m.remark(f)
	m.closed++
	text := fixText(m.header, f, m.systems, m.clients)
	if m.cli.IsSet("output") {
		return m.hold(f, text)
	}
	if m.closed > 1 {
		text = "\n" + text
	}
	_, err := fmt.Fprint(m.cli.App.Writer, text)
	return written(err)
}

// hold keeps the change for the one finding that -o is for.
func (m *mending) hold(f *exposure.Finding, text string) error {
	if m.closed > 1 {
		return usagef("fix: -o holds the change for one host, and there are more findings than one: name the one by its ID or address, such as `memsweep fix %s %s`", m.cli.Args().First(), f.IP.WithZone(""))
	}
	m.held, m.ready = text, readyFile(m.header, f, m.systems[0], m.clients)
	if m.ready == "" {
		return usagef("fix: there is nothing to change for %s at %s: without -o and --for it says what there is", m.systems[0], f.IP)
	}
	return nil
}

// wants reports whether f is to be closed. One that the policy justifies must
// be named; one about a justification closes nothing that its neighbour does not.
func (m *mending) wants(f *exposure.Finding) bool {
	if len(m.named) > 0 {
		var named bool
		for _, name := range m.named {
			if addr, err := netip.ParseAddr(name); name == f.ID || err == nil && addr.Unmap() == f.IP.Unmap() {
				m.met[name], named = true, true
			}
		}
		return named && f.Verdict != exposure.Unfounded
	}
	why := ""
	switch {
	case f.Verdict == exposure.Unfounded:
		return false
	case f.Policy != nil && f.Policy.Justified:
		why = "the policy justifies it"
	case f.Verdict == exposure.Unidentified:
		why = "it is not known to be memcached"
	default:
		return true
	}
	say(m.cli.App.ErrWriter, "%s (%s) is left as it is: %s; name it to close it all the same", f.ID, f.IP, why)
	return false
}

// remark says on stderr what would surprise.
func (m *mending) remark(f *exposure.Finding) {
	stderr := m.cli.App.ErrWriter
	sameFamily := func(p netip.Prefix) bool { return p.Addr().Is4() == f.IP.Unmap().Is4() }
	if len(m.clients) > 0 && !slices.ContainsFunc(m.clients, sameFamily) {
		say(stderr, "%s: --allow names no network of its address family, so that no client gets in at that address", f.IP)
	}
	other := slices.ContainsFunc(m.clients, func(p netip.Prefix) bool { return !sameFamily(p) })
	if slices.ContainsFunc(m.clients, sameFamily) && !other && exposure.ListensOnBoth(f) {
		say(stderr, "%s: it listens on IPv4 and IPv6, and --allow names networks of one family: no client of the other gets in", f.IP)
	}
	if m.closed > 0 && m.cli.IsSet("for") && slices.Contains(m.systems, "kubernetes-networkpolicy") {
		say(stderr, "%s: network policies add up: a second one for the same pods opens again what the first one closed", f.IP)
	}
	for _, addr := range m.header.Sweep.Vantage.Addresses {
		letIn := func(p netip.Prefix) bool { return !addr.IsLoopback() && p.Contains(addr.Unmap()) }
		if slices.ContainsFunc(m.clients, letIn) {
			say(stderr, "%s: --allow lets %s in, where it was seen from: verify from elsewhere", f.IP, addr)
		}
	}
}

// conclude writes the ready file and chooses the exit code. lost says what is
// missing of the report; nil: nothing.
func (m *mending) conclude(lost error) error {
	stderr := m.cli.App.ErrWriter
	for _, name := range m.named {
		if !m.met[name] && lost == nil {
			return usagef("fix: there is no finding %q in %s: `memsweep convert %[2]s` lists them", name, m.cli.Args().First())
		}
		if !m.met[name] {
			say(stderr, "there is no finding %q in what there is of %s", name, m.cli.Args().First())
		}
	}
	if m.closed == 0 {
		say(stderr, "there is nothing to close in %s", m.cli.Args().First())
	}
	if m.ready != "" {
		if err := m.write(); err != nil {
			return err
		}
	}
	if lost != nil {
		say(stderr, "%v", lost)
		say(stderr, "this is only what there is of the report: sweep again for the rest")
		return &exit{code: exitIncomplete}
	}
	return nil
}

// write puts the ready file into its place, whole or not at all, and says the
// same on stdout.
func (m *mending) write() error {
	path := m.cli.String("output")
	if path == "-" {
		_, err := fmt.Fprint(m.cli.App.Writer, m.ready)
		return written(err)
	}
	f, err := report.Create(path)
	if err != nil {
		return usage(err)
	}
	defer f.Abort()
	if _, err := fmt.Fprint(f, m.ready); err != nil {
		return written(err)
	}
	if err := f.Commit(); err != nil {
		return written(err)
	}
	say(m.cli.App.ErrWriter, "%s is ready, for %s", path, m.systems[0])
	_, err = fmt.Fprint(m.cli.App.Writer, m.held)
	return written(err)
}
