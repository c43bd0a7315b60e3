package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what the numbers were measured on.
func machine(ctx context.Context) []string {
	var u unix.Utsname
	kernel := "unknown kernel"
	if unix.Uname(&u) == nil {
		kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
	}
	return []string{
		fmt.Sprintf("%d CPUs, %s", runtime.NumCPU(), processor()),
		kernel,
		runtime.Version(),
		firstLine(ctx, "memcached", "-V") + " answers",
	}
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // proc_cpuinfo(5)
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// row is the medians of one contender at one work.
type row struct {
	who                 string
	rate, cpu           float64 // packets/s; microseconds a packet
	low, high           float64 // of cpu
	rss                 uint64
	asked, fewest, most int
	false               int
	arrived             float64 // share of what was asked
	failed              string
}

func rowOf(outcomes []outcome, w work, c contender) (row, bool) {
	var rates, cpus, arrived []float64
	r := row{who: c.name, fewest: math.MaxInt}
	for _, o := range outcomes {
		if o.work != w.name || o.who != c.name {
			continue
		}
		if o.failed != "" {
			r.failed = o.failed
			continue
		}
		rates = append(rates, o.rate)
		cpus = append(cpus, float64(o.perPacket())/float64(time.Microsecond))
		arrived = append(arrived, float64(o.arrived)/float64(o.asked))
		r.rss, r.false, r.asked = max(r.rss, o.rss), r.false+o.false, o.asked
		r.fewest, r.most = min(r.fewest, o.found), max(r.most, o.found)
	}
	if len(rates) == 0 {
		return r, r.failed != ""
	}
	r.rate, r.cpu, r.arrived = median(rates), median(cpus), median(arrived)
	r.low, r.high = slices.Min(cpus), slices.Max(cpus)
	return r, true
}

func median(v []float64) float64 {
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// document is docs/benchmarks.md.
func document(r race, rivals []contender, missing, machine []string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Benchmarks\n")
	line("<!-- Written by scripts/bench: do not edit. -->\n")
	line("The same work by everybody: to ask %s addresses of %s, of which %s answer and all others are silent, in a", thousands(addresses(r.options.target)), r.options.target, thousands(answering))
	line("network namespace, over a veth pair; packets to the silent ones are dropped %s. Medians, rounds: %d,", r.options.where(), r.options.rounds)
	line("in turns; memory is the highest of all rounds.\n")
	for _, m := range machine {
		line("- %s", m)
	}
	for _, v := range versions(rivals) {
		line("- %s", v)
	}
	for _, m := range missing {
		line("- left out: %s", m)
	}
	for _, w := range works(r.options) {
		section(line, r.outcomes, w, rivals)
	}
	line("%s", reading)
	return b.String()
}

func versions(rivals []contender) (all []string) {
	for _, c := range rivals {
		text := c.version
		if family, _, _ := strings.Cut(c.name, " "); !strings.Contains(strings.ToLower(text), family) {
			text = family + " " + text
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// section is the table of one work. The last columns compare with the two that
// everybody knows.
func section(line func(string, ...any), outcomes []outcome, w work, rivals []contender) {
	var rows []row
	by := map[string]row{}
	for _, c := range rivals {
		if r, ok := rowOf(outcomes, w, c); ok {
			rows = append(rows, r)
			by[c.name] = r
		}
	}
	if len(rows) == 0 {
		return
	}
	line("\n## %s\n", w.title)
	line("| | addresses | packets/s | arrived | CPU µs/packet (range) | peak RSS, MiB | found of %s | false | CPU ÷ zmap | CPU ÷ masscan | speed ÷ zmap | speed ÷ masscan |", thousands(answering))
	line("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, r := range rows {
		if r.rate == 0 {
			line("| %s | did not work: %s |", r.who, strings.ReplaceAll(r.failed, "|", "\\|"))
			continue
		}
		found := thousands(r.fewest)
		if r.most != r.fewest {
			found += "–" + thousands(r.most)
		}
		line("| %s | %s | %s | %.1f%% | %.2f (%.2f–%.2f) | %d | %s | %d | %s | %s | %s | %s |",
			r.who, thousands(r.asked), thousands(int(r.rate+0.5)), 100*r.arrived, r.cpu, r.low, r.high, r.rss>>20, found, r.false,
			over(r.cpu, by["zmap"].cpu), over(r.cpu, by["masscan"].cpu), over(r.rate, by["zmap"].rate), over(r.rate, by["masscan"].rate))
	}
}

// over is a ratio, where there is one.
func over(a, b float64) string {
	if b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

const reading = `
## How to read it

- **packets/s**: at the target's interface, between the first and the last hundredth of the packets.
- **arrived**: packets at the target's interface over addresses asked. memsweep asks those that answer a few more
  questions, and the kernel repeats a SYN that is not answered, so it may be more than 100%.
- **CPU**: user and system time of the whole process until its end, over the packets that arrived. What the kernel does
  for the receiving end of a veth pair is partly charged to whoever sends: to everybody alike. Over a real wire nobody
  pays for it; so where packets end counts, and is said for each table.
- **peak RSS**: VmHWM of the process.
- **found**: fewest and most of all rounds. For memsweep it includes the conversation with every host (version, stats,
  settings), which zmap and masscan do not hold.
- memsweep's socket engine sweeps a part of the range only, since it is measured by the packet: see *addresses*.
- masscan gets a packet every 0.2 s that is no answer: without, version 1.3.2 does not end.

## How to repeat it

As root on Debian, with Go:

    apt-get install iproute2 nftables memcached zmap masscan
    scripts/bench -rounds 5

Nothing leaves the machine: the namespaces have no way out.`
