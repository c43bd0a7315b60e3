package main

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/report"
	"github.com/memsweep/memsweep/targets"
)

// fixText says how to close one finding, for people.
func fixText(h report.Header, f *exposure.Finding, systems []string, clients []netip.Prefix) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s, %s%s\n", address(f), f.Severity, f.Verdict, id(f))
	fmt.Fprintf(&b, "Closes %s.\n", aim(f, clients))
	for _, name := range systems {
		fixes := exposure.Advice(f, name, clients)
		if len(fixes) == 0 {
			fmt.Fprintf(&b, "\n%s: nothing to change; it is not memcached itself, or this does not close it\n", name)
		}
		for _, fix := range fixes {
			title := fix.Title
			if fix.File != "" {
				title += " [" + fix.File + "]"
			}
			fmt.Fprintf(&b, "\n%s: %s\n", name, title)
			for _, line := range fix.Lines {
				fmt.Fprintf(&b, "    %s\n", strings.ReplaceAll(line, "\t", "    "))
			}
		}
	}
	fmt.Fprintf(&b, "\nVerify from %s; it is closed when nothing answers (exit 0):\n", viewpoint(h))
	for _, line := range verification(h, f) {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	return b.String()
}

// readyFile is the same for one system, to be run or loaded; "" where there is
// nothing to change.
func readyFile(h report.Header, f *exposure.Finding, system string, clients []netip.Prefix) string {
	notes := []string{"Made by memsweep for " + address(f).String() + ". Closes " + aim(f, clients) + "."}
	for _, line := range verification(h, f) {
		notes = append(notes, "Verify from "+viewpoint(h)+": "+line)
	}
	return exposure.ReadyFile(exposure.Remedy(f, system, clients), notes...)
}

// aim names the endpoints that are closed, and who gets in all the same.
func aim(f *exposure.Finding, clients []netip.Prefix) string {
	var endpoints, allowed []string
	for transport, port := range exposure.Exposed(f) {
		endpoints = append(endpoints, fmt.Sprintf("%s port %d", strings.ToUpper(string(transport)), port))
	}
	for _, p := range clients {
		allowed = append(allowed, p.String())
	}
	if len(allowed) == 0 {
		return strings.Join(endpoints, " and ") + " to everyone but the host itself"
	}
	return strings.Join(endpoints, " and ") + " to everyone but the host itself and " + strings.Join(allowed, ", ")
}

var (
	// word is what stands in a command line without being quoted.
	word      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	findingID = regexp.MustCompile(`^ms-[0-9a-f]{16}$`) // as in the schema of the report
)

// address is where the finding is, without a zone that is not a word.
func address(f *exposure.Finding) netip.Addr {
	if word.MatchString(f.IP.Zone()) {
		return f.IP
	}
	return f.IP.WithZone("")
}

// id is the ID of a finding, if it is one that memsweep gives.
func id(f *exposure.Finding) string {
	if !findingID.MatchString(f.ID) {
		return ""
	}
	return "  " + f.ID
}

// audited reports whether the machine itself was asked.
func audited(h report.Header) bool { return h.Sweep.Engine == "audit" }

// viewpoint is where a verification must run.
func viewpoint(h report.Header) string {
	if audited(h) {
		return "another machine, one that must not get in"
	}
	return "where it was seen"
}

// verification is the command that shows whether a finding is gone, one for
// each port: of the same vantage, for its name is part of the finding's ID. A
// name that would have to be quoted is left out, and that of an audit: it is the
// host itself, which every remedy still lets in.
func verification(h report.Header, f *exposure.Finding) (lines []string) {
	var ports []uint16
	for _, port := range exposure.Exposed(f) {
		ports = append(ports, port)
	}
	addr := address(f)
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		line := fmt.Sprintf("memsweep scan %s --port %d", addr, port)
		if v := h.Sweep.Vantage; !audited(h) && word.MatchString(v.Name) {
			line += " --vantage " + v.Name
		}
		if trust, err := exposure.ParseTrust(string(h.Sweep.Vantage.Trust)); !audited(h) && err == nil {
			line += " --trust " + string(trust)
		}
		if alone := (*targets.Scope)(nil); !alone.Allows(addr) {
			line += " --scope SCOPE.yaml"
		}
		lines = append(lines, line)
	}
	return lines
}
