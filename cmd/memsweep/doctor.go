package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/internal/privilege"
	"github.com/memsweep/memsweep/scanner/raw"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "say which engines work here, what the others lack, and what limits a sweep",
		Description: "Sends nothing. The exit status is 0; with --engine it is 2 if that engine does not\n" +
			"work here. \"raw\" works if one of its senders (raw/packet, raw/afxdp, raw/xdp) does.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "engine", DefaultText: "all are shown", Usage: "exit 2 unless engine `NAME` works here: " + strings.Join(engineNames(), ", ")},
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "text", Usage: "print `text` or json"},
		},
		Action: doctor,
	}
}

func engineNames() []string {
	names := []string{"raw"}
	for _, e := range privilege.Engines() {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

// diagnosis is what the doctor finds; its JSON may get more fields.
type diagnosis struct {
	privilege.Status
	Engines    []engineState    `json:"engines"`
	Limits     []limit          `json:"limits"`
	Interfaces []interfaceState `json:"interfaces"`
	Notes      []string         `json:"notes"`
}

type engineState struct {
	Name    string   `json:"name"`
	Works   bool     `json:"works"`
	Missing []string `json:"missing"` // capabilities
	Error   string   `json:"error,omitempty"`
	Remedy  []string `json:"remedy"` // any of these will do
}

type limit struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Means string `json:"means"`
}

type interfaceState struct {
	Name      string   `json:"name"`
	Up        bool     `json:"up"`
	MTU       int      `json:"mtu"`
	MAC       string   `json:"mac,omitempty"`
	Addresses []string `json:"addresses"`
}

func doctor(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	asked, format := c.String("engine"), c.String("format")
	if asked != "" && !slices.Contains(engineNames(), asked) {
		return usagef("doctor: unknown engine %q: there is %s", asked, strings.Join(engineNames(), ", "))
	}
	if format != "text" && format != "json" {
		return usagef("doctor: --format %q: write text or json", format)
	}
	d, err := diagnose()
	if err != nil {
		return usagef("doctor: %w", err)
	}
	if err := d.print(c.App.Writer, format); err != nil {
		return written(err)
	}
	if asked != "" && !d.works(asked) {
		return usagef("doctor: the %s engine does not work here", asked)
	}
	return nil
}

// works reports whether an engine does, or any sender of it.
func (d diagnosis) works(name string) bool {
	return slices.ContainsFunc(d.Engines, func(e engineState) bool {
		return e.Works && (e.Name == name || strings.HasPrefix(e.Name, name+"/"))
	})
}

// parts are what senders need of the kernel beside the first step.
var parts = map[string][]func() error{"raw/afxdp": {raw.TryAFXDP}, "raw/xdp": {raw.TryXDP}}

func diagnose() (diagnosis, error) {
	status, err := privilege.Read()
	if err != nil {
		return diagnosis{}, err
	}
	d := diagnosis{Status: status, Limits: limits(), Notes: notes()}
	if d.Capabilities == nil {
		d.Capabilities = []privilege.Capability{}
	}
	for _, e := range privilege.Engines() {
		missing, err := e.Check(status, parts[e.Name]...)
		state := engineState{Name: e.Name, Works: err == nil, Missing: append([]string{}, missing...), Remedy: remedies(e, missing, status)}
		if err != nil {
			state.Error = err.Error()
		}
		d.Engines = append(d.Engines, state)
	}
	d.Interfaces, err = interfaces()
	return d, err
}

// remedies are the ways to give a program what an engine needs.
func remedies(e privilege.Engine, missing []string, s privilege.Status) []string {
	if len(missing) == 0 {
		return []string{}
	}
	program := "$(which memsweep)"
	if path, err := os.Executable(); err == nil {
		program = quoteForShell(path)
	}
	var short []string // without cap_, as containers name them
	for _, name := range e.Needs {
		short = append(short, strings.ToUpper(strings.TrimPrefix(name, "cap_")))
	}
	upper := strings.ToUpper(strings.Join(e.Needs, " "))
	setcap := fmt.Sprintf("once: sudo setcap %s=ep %s", strings.Join(e.Needs, ","), program)
	if s.NoNewPrivs {
		setcap += " (and start it without no_new_privs, which is set here and hides file capabilities)"
	}
	// Docker gives added capabilities to root alone.
	container := "container: docker run --user 0 --cap-add " + strings.Join(short, " --cap-add ")
	if slices.Contains(e.Needs, privilege.BPF) {
		container += " --device /dev/net/tun"
	}
	if slices.Contains(missing, privilege.BPF) {
		container += " (not in a user namespace, such as rootless: BPF needs the capability on the host)"
	}
	return []string{
		setcap,
		"systemd unit: AmbientCapabilities=" + upper + " and CapabilityBoundingSet=" + upper,
		container,
		"once, as root: sudo " + program + " ... (all capabilities are dropped before the first packet is sent)",
	}
}

// quoteForShell lets a path be pasted into a shell.
func quoteForShell(path string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+"
	if strings.Trim(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func notes() []string {
	return []string{
		"ICMP is scarce: a Linux host or router sends one message a second to a peer, after a burst of six (net.ipv4.icmp_ratelimit). " +
			"Of many closed UDP ports behind one of them, most look silent; none looks open.",
		"Frames of the raw engine do not pass this machine's own packet filter, and Linux drops those to its own IPv4 addresses: " +
			"sweep these with --engine socket.",
	}
}

func interfaces() ([]interfaceState, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	states := []interfaceState{}
	for _, i := range list {
		state := interfaceState{Name: i.Name, Up: i.Flags&net.FlagUp != 0, MTU: i.MTU, MAC: i.HardwareAddr.String(), Addresses: []string{}}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("list addresses of %s: %w", i.Name, err)
		}
		for _, a := range addrs {
			state.Addresses = append(state.Addresses, a.String())
		}
		states = append(states, state)
	}
	return states, nil
}

func (d diagnosis) print(w io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(d)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "user\t%s\n", d.User)
	if d.Kernel != "" {
		fmt.Fprintf(t, "kernel\t%s\n", d.Kernel)
	}
	for _, c := range d.Capabilities {
		fmt.Fprintf(t, "%s\t%s\n", c.Name, holding(c))
	}
	fmt.Fprintf(t, "landlock\t%s\n", landlockText(d.Landlock))
	fmt.Fprintln(t, "\nENGINE\tSTATE")
	for _, e := range d.Engines {
		state := "ok"
		if !e.Works {
			state = e.Error
		}
		fmt.Fprintf(t, "%s\t%s\n", e.Name, state)
		for _, r := range e.Remedy {
			fmt.Fprintf(t, "\t  %s\n", r)
		}
	}
	fmt.Fprintln(t, "\nLIMIT\tVALUE\tMEANS")
	for _, l := range d.Limits {
		fmt.Fprintf(t, "%s\t%s\t%s\n", l.Name, l.Value, l.Means)
	}
	fmt.Fprintln(t, "\nINTERFACE\tSTATE\tMTU\tADDRESSES")
	for _, i := range d.Interfaces {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", i.Name, upOrDown(i.Up), i.MTU, strings.Join(i.Addresses, ", "))
	}
	fmt.Fprintln(t)
	for _, n := range d.Notes {
		fmt.Fprintln(t, n)
	}
	return t.Flush()
}

func holding(c privilege.Capability) string {
	switch {
	case c.Effective && c.Ambient:
		return "yes, ambient"
	case c.Effective:
		return "yes"
	case c.Permitted:
		return "permitted, but not in force"
	case c.Bounded:
		return "no, and outside of the bounding set: file capabilities and root do not help here"
	}
	return "no"
}

func landlockText(abi int) string {
	if abi == 0 {
		return "none: files are not confined"
	}
	return fmt.Sprintf("ABI %d: the raw engine confines itself to the files of its plan", abi)
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}
