package audit

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
)

const heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// line is one of /proc/net/tcp.
func line(local, state string) string {
	return "   0: " + local + " 00000000:0000 " + state + " 00000000:00000000 00:00000000 00000000   104        0 25184 1 0 100 0\n"
}

func TestParseSockets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		order binary.ByteOrder
		local string
		want  string
	}{
		{binary.LittleEndian, "0100007F:2BCB", "127.0.0.1:11211"},
		{binary.BigEndian, "7F000001:2BCB", "127.0.0.1:11211"},
		{binary.LittleEndian, "00000000:2BCB", "0.0.0.0:11211"},
		{binary.LittleEndian, "B80D0120000000000000000007000000:2BCB", "[2001:db8::7]:11211"},
		{binary.BigEndian, "20010DB8000000000000000000000007:2BCB", "[2001:db8::7]:11211"},
		{binary.LittleEndian, "00000000000000000000000001000000:0001", "[::1]:1"},
		{binary.LittleEndian, "0000000000000000FFFF00000100007F:0001", "127.0.0.1:1"},
	} {
		for _, transport := range transports() {
			state := map[exposure.Transport]string{exposure.TCP: stateListen, exposure.UDP: stateClose}[transport]
			text := heading + line(tt.local, state) + line(tt.local, "01") + line(strings.Split(tt.local, ":")[0]+":0000", state)
			got, bad := parseSockets(text, transport, tt.order)
			want := []socket{{transport, netip.MustParseAddrPort(tt.want), "104", "25184"}}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(socket{}), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" || bad > 0 {
				t.Errorf("%s, %s: %d bad\n%s", tt.local, tt.order, bad, diff)
			}
		}
	}
	if got, bad := parseSockets(heading+"x\n"+line("0100:1", "0A")+line("0100007F:ZZZZ", "0A"), exposure.TCP, binary.LittleEndian); len(got) > 0 || bad != 3 {
		t.Errorf("%v, %d bad", got, bad)
	}
}

const trie = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 192.0.2.0
        /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     |-- 192.0.2.2
        /32 host LOCAL
     |-- 198.18.0.0
        /15 host LOCAL
`

func TestAddresses(t *testing.T) {
	t.Parallel()
	addrs, ranges := parseFibTrie(trie + trie)
	six := parseIfInet6("fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n" +
		"20010db8000000000000000000000002 04 40 00 82     eth0\n00000000000000000000000000000001 01 80 10 80       lo\nrubbish\n")
	i := sortOut(append(addrs, six...), ranges)
	got := []string{}
	for _, list := range [][]netip.Addr{i.outside, i.link, i.loopback} {
		for _, a := range list {
			got = append(got, a.String())
		}
		got = append(got, "|")
	}
	if s := strings.Join(got, " "); s != "192.0.2.2 2001:db8::2 | fe80::fc:ff:fe00:1 | 127.0.0.1 ::1 |" || len(i.ranges) != 1 {
		t.Errorf("%s, %v", s, i.ranges)
	}
	alone := sortOut([]netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("fe80::1")}, nil)
	for bound, want := range map[string]string{"0.0.0.0": "127.0.0.1", "::": "fe80::1", "10.0.0.1": "10.0.0.1"} {
		if r := alone.reach(netip.MustParseAddr(bound)); len(r) != 1 || r[0].String() != want {
			t.Errorf("%s: %v", bound, r)
		}
	}
}

func FuzzSockets(f *testing.F) {
	f.Add(heading+line("0100007F:2BCB", "0A"), trie, "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n")
	f.Fuzz(func(t *testing.T, table, trie, six string) {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			list, _ := parseSockets(table, exposure.TCP, order)
			for _, s := range list {
				if !s.bound.IsValid() || s.bound.Port() == 0 || s.bound.Addr().Is4In6() {
					t.Errorf("%+v", s)
				}
			}
		}
		addrs, ranges := parseFibTrie(trie)
		for _, a := range sortOut(append(addrs, parseIfInet6(six)...), ranges).outside {
			if !a.IsValid() || a.IsLoopback() {
				t.Errorf("%v is outside", a)
			}
		}
	})
}
