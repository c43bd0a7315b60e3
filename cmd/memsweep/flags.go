package main

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/report"
	"github.com/memsweep/memsweep/scanner/raw"
)

// Categories of flags in the help.
const (
	whatCategory   = "What to sweep"
	howCategory    = "How"
	whereCategory  = "From where"
	rawCategory    = "With --engine raw"
	outputCategory = "Output"
)

// planFlags are part of the plan. A resumed sweep takes them from its
// checkpoint, so that it cannot become another sweep.
func planFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "list", Aliases: []string{"l", "iL"}, Category: whatCategory, Usage: "read targets from `FILE`, one a line, # comments; - is stdin"},
		&cli.StringSliceFlag{Name: "probe", Category: whatCategory, Usage: "ask with probe `NAME` only (memcached-udp, memcached-tcp; udp and tcp will do)"},
		&cli.UintFlag{Name: "port", Aliases: []string{"p"}, Value: 11211, Category: whatCategory, Usage: "ask at port `N`"},
		&cli.StringFlag{Name: "shard", Value: "1/1", Category: whatCategory, Usage: "sweep part `I/N` only; the N parts together are the whole"},
		&cli.StringFlag{Name: "engine", Value: "socket", Category: howCategory, Usage: "`ENGINE`: socket needs no privileges; raw (Linux, CAP_NET_RAW) is for large networks"},
		&cli.Float64Flag{Name: "rate", Aliases: []string{"r"}, Value: 1000, Category: howCategory, Usage: "send at most `N` packets a second, over all probes, retries included"},
		&cli.StringFlag{Name: "bandwidth", Aliases: []string{"B"}, Category: howCategory, Usage: "and at most `N` bits a second, sent and expected back together (500K, 10M, 1G)"},
		&cli.IntFlag{Name: "tries", Value: 2, Category: howCategory, Usage: "ask those who do not answer `N` times in all, each time a pass later"},
		&cli.DurationFlag{Name: "timeout", Value: defaultTimeout, Category: howCategory, Usage: "wait `TIME` for a reply"},
		&cli.DurationFlag{Name: "cooldown", Value: defaultCooldown, Category: howCategory, Usage: "listen `TIME` for late replies after the last question"},
		&cli.IntFlag{Name: "workers", Category: howCategory, DefaultText: "1024, or what the limits allow", Usage: "at most `N` TCP connections at once"},
		&cli.Uint64Flag{Name: "seed", Category: howCategory, DefaultText: "random", Usage: "shuffle the addresses by `N`"},
	}
}

// rawFlags say how the raw engine reaches the wire from this machine. They are
// no part of the plan: another machine has other interfaces.
func rawFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "sender", Value: raw.Auto, Category: rawCategory, Usage: "send by `NAME`: xdp, afxdp, packet, or auto, the best that works"},
		&cli.StringFlag{Name: "interface", Aliases: []string{"i"}, Category: rawCategory, Usage: "use interface `NAME` only"},
		&cli.StringFlag{Name: "source", Category: rawCategory, Usage: "send from `ADDRESS`, one of this machine's"},
		&cli.StringFlag{Name: "pcap", Category: rawCategory, Usage: "keep the packets of findings in `FILE` (pcapng)"},
	}
}

func scanFlags() []cli.Flag {
	return append(append(planFlags(), rawFlags()...),
		&cli.StringSliceFlag{Name: "exclude", Category: whatCategory, Usage: "leave `TARGET` out (may be repeated, or separated by commas)"},
		&cli.StringSliceFlag{Name: "exclude-file", Category: whatCategory, Usage: "leave out what is listed in `FILE`"},
		&cli.StringFlag{Name: "scope", Category: whatCategory, Usage: "the owner's authorisation, `FILE`; needed for public addresses"},
		&cli.Uint64Flag{Name: "count", Category: whatCategory, Usage: "confirm a sweep of more than 2^20 addresses by their exact number `N` (--dry-run prints it)"},
		&cli.Float64Flag{Name: "min-hitrate", Category: howCategory, Usage: "stop when less than this `SHARE` of what was asked answers or refuses (0.001 is one in a thousand)"},
		&cli.DurationFlag{Name: "max-duration", Category: howCategory, Usage: "stop after `TIME`; --resume goes on"},
		&cli.StringFlag{Name: "resume", Category: howCategory, Usage: "go on from checkpoint `FILE`; only excludes may be added"},
		&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Category: howCategory, Usage: "print the plan and send nothing"},
		&cli.StringFlag{Name: "vantage", Category: whereCategory, DefaultText: "this host's name", Usage: "call the place this sweep is run from `NAME`"},
		&cli.StringFlag{Name: "trust", Value: string(exposure.Untrusted), Category: whereCategory, Usage: "how far that place is trusted: `trusted`, semi-trusted or untrusted; severity depends on it"},
		formatFlag(),
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Category: outputCategory, Usage: "write the report to `FILE`, in the format of its ending or of --format"},
		&cli.StringSliceFlag{Name: "out", Category: outputCategory, Usage: "also write `FORMAT=FILE` (may be repeated)"},
		&cli.StringFlag{Name: "history", Category: outputCategory, Usage: "also take the sweep into the history in `FILE`; it is made when it is not there"},
		policyFlag(),
		&cli.StringFlag{Name: "fail-on", Value: string(exposure.Low), Category: outputCategory, Usage: "exit 1 for findings of `SEVERITY` or worse: critical, high, medium, low, info, or never"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: outputCategory, Usage: "no progress, and no table beside -o"},
		&cli.StringFlag{Name: "progress", Value: progressAuto, Category: outputCategory, Usage: "show progress on stderr as `FORM`: text, none, or json, a line a second for programs (docs/progress.schema.json); auto is text, and none with -q"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: outputCategory, Usage: "every reason and every fix"},
		colorFlag(),
	)
}

func formatFlag() cli.Flag {
	var names []string
	for _, f := range report.All() {
		names = append(names, f.Name)
	}
	return &cli.StringFlag{Name: "format", Aliases: []string{"f"}, Category: outputCategory, Usage: "write the report as `FORMAT`: " + strings.Join(names, ", "), DefaultText: "text"}
}

func colorFlag() cli.Flag {
	return &cli.StringFlag{Name: "color", Value: "auto", Category: outputCategory, Usage: "colour the table: `auto`, always or never; NO_COLOR is honoured"}
}

// parseBits reads a bandwidth: a number of bits a second with K, M or G.
func parseBits(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	number, factor := strings.ToUpper(text), uint64(1)
	for suffix, f := range map[string]uint64{"K": 1e3, "M": 1e6, "G": 1e9} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, factor = n, f
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if hi, _ := bits.Mul64(n, factor); err != nil || hi != 0 || n*factor < minBandwidth || n*factor > maxBandwidth {
		return 0, fmt.Errorf("bandwidth %q: write bits a second from 20K to 100G, as 500K, 10M or 1G", text)
	}
	return n * factor, nil
}

const (
	minBandwidth = 20_000
	maxBandwidth = 100_000_000_000
)
