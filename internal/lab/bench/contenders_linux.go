package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/internal/lab"
)

// contender is a program that can do the work.
type contender struct {
	name    string
	version string
	// command is how it does it; out is a file for what it finds.
	command func(l *lab.Lab, w work, targets netip.Prefix, out string) (program string, args []string, err error)
	// found reads that file.
	found func(out []byte) ([]netip.Addr, error)
	// slice bounds the work of one that would take too long: the length of the
	// prefix that it sweeps. nil: everything.
	slice func(work) int
	// nudged is for one that ends only after another packet has come.
	nudged bool
}

// contenders returns those that are here, and says which are not.
func contenders(ctx context.Context, memsweep string) (here []contender, missing []string) {
	version := firstLine(ctx, memsweep, "--version")
	here = append(here, memsweepBy("memsweep socket", version, memsweep, socketSlice, "--engine", "socket"))
	help, _ := exec.CommandContext(ctx, memsweep, "scan", "--help").Output() // no help, no raw engine
	if regexp.MustCompile(`(?m)^\s*--sender\b`).Match(help) {
		for _, sender := range []string{"xdp", "afxdp", "packet"} {
			if sender != "afxdp" || strings.Contains(string(help), sender) {
				here = append(here, memsweepBy("memsweep raw "+sender, version, memsweep, nil, "--engine", "raw", "--sender", sender))
			}
		}
	} else {
		missing = append(missing, "memsweep raw: this memsweep has no such engine")
	}
	if _, err := exec.LookPath("zmap"); err == nil {
		here = append(here, zmap(firstLine(ctx, "zmap", "--version")))
	} else {
		missing = append(missing, "zmap is not installed (Debian: apt-get install zmap)")
	}
	if _, err := exec.LookPath("masscan"); err == nil {
		here = append(here, masscan(firstLine(ctx, "masscan", "--version")))
	} else {
		missing = append(missing, "masscan is not installed (Debian: apt-get install masscan)")
	}
	return here, missing
}

// firstLine is what a program says first; one that fails may still say it.
func firstLine(ctx context.Context, program string, args ...string) string {
	out, _ := exec.CommandContext(ctx, program, args...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return "unknown version"
}

// socketSlice keeps the socket engine's part short: it is measured by the
// packet. A silent TCP peer holds one of its workers for the whole timeout.
func socketSlice(w work) int {
	if w.udp {
		return 12
	}
	return 17
}

func memsweepBy(name, version, program string, slice func(work) int, flags ...string) contender {
	return contender{
		name: name, version: version, slice: slice,
		command: func(_ *lab.Lab, w work, targets netip.Prefix, out string) (string, []string, error) {
			probe := "tcp"
			if w.udp {
				probe = "udp"
			}
			args := append([]string{"scan", targets.String(), "--count", strconv.Itoa(addresses(targets)), "-q", "--format", "jsonl", "-o", out,
				"--probe", probe, "--tries", "1", "--timeout", "1s", "--cooldown", "2s", "--rate", strconv.Itoa(w.rateOf())}, flags...)
			return program, args, nil
		},
		found: func(out []byte) ([]netip.Addr, error) {
			return eachLine(out, func(line string) (string, bool) {
				var f struct {
					Type string `json:"type"`
					IP   string `json:"ip"`
				}
				err := json.Unmarshal([]byte(line), &f)
				return f.IP, err == nil && f.IP != ""
			})
		},
	}
}

func zmap(version string) contender {
	return contender{
		name: "zmap", version: version,
		command: func(l *lab.Lab, w work, targets netip.Prefix, out string) (string, []string, error) {
			// -C and -b: Debian's configuration leaves private addresses out.
			args := []string{"-C", "/dev/null", "-b", "/dev/null", "-q", "-v", "2", "--disable-syslog",
				"-i", l.Interface(), "-S", l.Source().String(), "-G", l.NextHopMAC(),
				"-r", strconv.Itoa(w.rate), "-c", "2", "-p", "11211", "-o", out}
			if w.udp {
				args = append(args, "-M", "udp", "--probe-args=hex:"+hex.EncodeToString([]byte(question)))
			} else {
				args = append(args, "-M", "tcp_synscan")
			}
			return "zmap", append(args, targets.String()), nil
		},
		found: func(out []byte) ([]netip.Addr, error) {
			return eachLine(out, func(line string) (string, bool) { return line, true })
		},
	}
}

func masscan(version string) contender {
	return contender{
		name: "masscan", version: version, nudged: true,
		command: func(l *lab.Lab, w work, targets netip.Prefix, out string) (string, []string, error) {
			args := []string{targets.String(), "--adapter", l.Interface(), "--adapter-ip", l.Source().String(), "--router-mac", l.NextHopMAC(),
				"--rate", strconv.Itoa(w.rateOf()), "--wait", "2", "-oL", out}
			if !w.udp {
				return "masscan", append(args, "-p11211"), nil
			}
			payloads := filepath.Join(filepath.Dir(out), "payloads") // nmap's format
			line := fmt.Sprintf("udp 11211 \"%s\"\n", hexadecimal(question))
			return "masscan", append(args, "-pU:11211", "--nmap-payloads", payloads), os.WriteFile(payloads, []byte(line), 0o644)
		},
		found: func(out []byte) ([]netip.Addr, error) {
			return eachLine(out, func(line string) (string, bool) { // "open udp 11211 10.74.153.100 1795226283"
				fields := strings.Fields(line)
				if len(fields) < 4 || fields[0] != "open" {
					return "", false
				}
				return fields[3], true
			})
		},
	}
}

func hexadecimal(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "\\x%02x", s[i])
	}
	return b.String()
}

// eachLine collects the addresses that pick finds in lines.
func eachLine(out []byte, pick func(line string) (addr string, ok bool)) ([]netip.Addr, error) {
	var all []netip.Addr
	for line := range strings.Lines(string(out)) {
		text, ok := pick(strings.TrimSpace(line))
		if !ok {
			continue
		}
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}
