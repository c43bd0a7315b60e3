package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// SitesPort is the port of every server of Sites.
const SitesPort = port

// Sites is one namespace with servers and one for each vantage, each with a
// link of its own to the servers and a filter of its own on it. There is no
// way out of any of them.
type Sites struct {
	servers  namespace
	vantages []namespace
	guard    *guard
}

// Server is a real memcached on an address of its own.
type Server struct {
	Addr  netip.Addr
	Flags []string // beside -l, -p and -u: "-U", "11211"
}

// NewSites builds sites for a test and starts the servers, and takes everything
// down when the test ends. Where that cannot be, the test is skipped.
func NewSites(t testing.TB, vantages int, servers ...Server) *Sites {
	t.Helper()
	if err := Possible(); err != nil {
		t.Skipf("no lab: %v", err)
	}
	if err := sweepLeftovers(); err != nil {
		t.Fatal(err)
	}
	name, err := newName()
	if err != nil {
		t.Fatal(err)
	}
	s := &Sites{servers: namespace(name + "-t")}
	for i := range vantages {
		s.vantages = append(s.vantages, namespace(fmt.Sprintf("%s-%d", name, i)))
	}
	if s.guard, err = startGuard(append(s.vantages, s.servers)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.guard.finish(); err != nil {
			t.Error(err)
		}
	})
	if err := s.build(servers); err != nil {
		t.Fatalf("build sites: %v", err)
	}
	return s
}

func (s *Sites) build(servers []Server) error {
	for _, n := range append(s.vantages, s.servers) {
		if err := run(nil, "ip", "netns", "add", string(n)); err != nil {
			return err
		}
		if err := n.set([]setting{{"ipv6/conf/default/accept_dad", "0"}, {"ipv6/conf/default/router_solicitations", "0"}}); err != nil {
			return err
		}
	}
	if err := s.servers.set(refuseAll()); err != nil {
		return err
	}
	home := []string{"link set lo up"}
	for _, server := range servers {
		home = append(home, fmt.Sprintf("address add %s dev lo", server.Addr))
	}
	if err := s.servers.batch(home...); err != nil {
		return err
	}
	for i := range s.vantages {
		if err := s.connect(i); err != nil {
			return err
		}
	}
	for _, server := range servers {
		if err := s.serve(server); err != nil {
			return err
		}
	}
	return nil
}

// connect joins a vantage to the servers. Everything in 10/8 and fd00::/8 is
// on their side.
func (s *Sites) connect(i int) error {
	v, link := s.vantages[i], siteLink(i)
	if err := run(nil, "ip", "-n", string(v), "link", "add", scannerLink, "type", "veth", "peer", "name", link, "netns", string(s.servers)); err != nil {
		return err
	}
	if err := s.servers.batch(
		fmt.Sprintf("link set %s up", link),
		fmt.Sprintf("address add 10.70.%d.1/24 dev %s", i, link),
		fmt.Sprintf("address add fd00:70:%d::1/64 dev %s nodad", i, link)); err != nil {
		return err
	}
	return v.batch("link set lo up", "link set "+scannerLink+" up",
		fmt.Sprintf("address add 10.70.%d.2/24 dev %s", i, scannerLink),
		fmt.Sprintf("address add fd00:70:%d::2/64 dev %s nodad", i, scannerLink),
		fmt.Sprintf("route add 10.0.0.0/8 via 10.70.%d.1", i),
		fmt.Sprintf("route add fd00::/8 via fd00:70:%d::1", i))
}

// siteLink is the servers' end of the link to a vantage.
func siteLink(i int) string { return "site" + strconv.Itoa(i) }

func (s *Sites) serve(server Server) error {
	number := strconv.Itoa(SitesPort)
	args := append([]string{"netns", "exec", string(s.servers), "memcached", "-u", "nobody", "-m", "16", "-t", "1",
		"-l", server.Addr.String(), "-p", number}, server.Flags...)
	cmd := exec.Command("ip", args...)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start memcached: %w", err)
	}
	go cmd.Wait() // ends when the guard kills it
	at := netip.AddrPortFrom(server.Addr, SitesPort).String()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if s.servers.inside(func() error {
			c, err := net.DialTimeout("tcp", at, time.Second)
			if err == nil {
				c.Close()
			}
			return err
		}) == nil {
			return nil
		}
	}
	return errors.New("start memcached: it does not answer at " + at)
}

// Filter puts another filter on the way of one vantage: nftables statements on
// what it sends to the servers, one a line, such as "udp dport 11211 drop";
// those of nat, such as "ip daddr 10.71.0.3 dnat to 10.71.0.4", too.
func (s *Sites) Filter(i int, rules ...string) error {
	var filter, nat strings.Builder
	for _, rule := range rules {
		into := &filter
		if strings.Contains(rule, "dnat") {
			into = &nat
		}
		fmt.Fprintf(into, "iifname %q %s\n", siteLink(i), rule)
	}
	name := siteLink(i)
	text := fmt.Sprintf(`table inet %[1]s { }
delete table inet %[1]s
table inet %[1]s {
chain in { type filter hook input priority 0; policy accept;
%[2]s}
chain nat { type nat hook prerouting priority -100; policy accept;
%[3]s}
}
`, name, &filter, &nat)
	return run(strings.NewReader(text), "ip", "netns", "exec", string(s.servers), "nft", "-f", "-")
}

// Run runs a program at a vantage to its end. A program that ends with a code
// other than 0 is no error.
func (s *Sites) Run(ctx context.Context, i int, name string, args ...string) (Result, error) {
	p, err := s.vantages[i].start(ctx, name, args...)
	if err != nil {
		return Result{}, err
	}
	return p.Wait()
}
