package main

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/memsweep/memsweep/internal/memtest"
)

const (
	demoRange = "127.77.16.0/20"
	demoJSON  = "memsweep-demo.json"
	demoCSV   = "memsweep-demo.csv"
)

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "sweep a small fleet of pretend servers on this machine's loopback",
		Description: "Starts pretend memcached servers of every kind on addresses of " + demoRange + ",\n" +
			"sweeps that range for real, shows the table, and leaves " + demoJSON + " and\n" +
			demoCSV + " in the current folder. Needs no privileges and no network.",
		Flags: []cli.Flag{
			&cli.UintFlag{Name: "port", Aliases: []string{"p"}, Value: 11211, Usage: "port `N` of the pretend servers; it must be free on their addresses"},
			policyFlag(),
			colorFlag(),
		},
		Action: demo,
	}
}

func demo(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	port := c.Uint("port")
	if port == 0 || port > math.MaxUint16 {
		return usagef("demo: port %d: write a number from 1 to 65535", port)
	}
	fleet, err := memtest.Fleet(uint16(port), demoAddr)
	if err != nil {
		return usagef("demo: %w: the demo needs port %d on loopback, on Linux: choose a free one with --port", err, port)
	}
	defer fleet.Close()

	// The ordinary program, as anybody would call it.
	args := []string{
		"scan", demoRange, "--port", strconv.Itoa(int(port)), "--vantage", "demo", "--trust", "untrusted",
		"--rate", "2500", "--timeout", "500ms", "--cooldown", "1s",
		"--out", "json=" + demoJSON, "--out", "csv=" + demoCSV, "--fail-on", "never",
	}
	if path := c.String("policy"); path != "" {
		args = append(args, "--policy", path)
	}
	fmt.Fprintf(c.App.ErrWriter, "%d pretend servers listen in %s. Now:\nmemsweep %s\n\n", len(fleet), demoRange, strings.Join(args, " "))
	os.Remove(demoJSON + ".checkpoint") // of a demo that was cut off: its servers are gone
	args = append([]string{"memsweep"}, append(args, "--color", c.String("color"))...)
	if code := run(args, c.App.Reader, c.App.Writer, c.App.ErrWriter); code != exitOK {
		os.Remove(demoJSON + ".checkpoint")
		return &exit{code: code}
	}
	fmt.Fprintf(c.App.ErrWriter, "\nThe same findings are in %s and %s.\n", demoJSON, demoCSV)
	return nil
}

// demoAddr spreads the fleet over the range.
func demoAddr(i int) netip.Addr {
	n := 77 + 331*i
	return netip.AddrFrom4([4]byte{127, 77, byte(16 + n>>8), byte(n)})
}
