package probes

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/exposure"
)

// What is not stock memcached, from the sources of each.
func TestProducts(t *testing.T) {
	real := captured(t, "mc1.6.18__default__tcp", Quiet)
	stats, settings := real[qStats.name].data, real[qSettings.name].data
	version := func(v string) string { return strings.Replace(stats, "version 1.6.18", "version "+v, 1) }
	tests := []struct {
		name                     string
		version, stats, settings answer
		hangsUp                  bool
		product                  string
	}{
		{"stock", answer{data: "VERSION 1.6.18\r\n"}, answer{data: stats}, answer{data: settings}, false, ""},
		{"stock 1.2.6", answer{data: "VERSION 1.2.6\r\n"}, answer{data: "STAT pid 1\r\nSTAT version 1.2.6\r\nEND\r\n"}, answer{data: "ERROR\r\n"}, false, ""},
		{"mcrouter", answer{data: "VERSION 41.0.0 mcrouter\r\n"}, answer{data: "STAT version mcrouter 1.0\r\nSTAT commandargs -p 5000\r\nEND\r\n"}, answer{data: "CLIENT_ERROR bad stats\r\n"}, false, "mcrouter"},
		{"old mcrouter", answer{data: "VERSION mcrouter 0.26\r\n"}, answer{}, answer{}, false, "mcrouter"},
		{"dragonfly", answer{data: "VERSION 1.6.0 DF\r\n"}, answer{data: "STAT pid 1\r\nSTAT version v1.15.0\r\nSTAT libevent iouring\r\nSTAT pointer_size 64\r\nSTAT max_connections -1\r\nEND\r\n"}, answer{data: "CLIENT_ERROR bad command line format\r\n"}, false, "dragonfly"},
		{"hazelcast", answer{data: "VERSION Hazelcast\r\n"}, answer{data: "STAT uptime 5\r\nSTAT waiting_requests 0\r\nEND\r\n"}, answer{}, false, "hazelcast"},
		{"infinispan", answer{data: "VERSION 15.0.3.Final\r\n"}, answer{data: stats}, answer{data: settings}, false, "infinispan"},
		{"pelikan", answer{data: "VERSION 0.3.2\r\n"}, answer{}, answer{}, true, "pelikan"},
		{"pelikan, silent", answer{data: "VERSION 0.3.2\r\n"}, answer{ending: Quiet}, answer{ending: Quiet}, false, "pelikan"},
		{"moxi", answer{data: "VERSION moxi 1.8.1\r\n"}, answer{}, answer{}, false, "moxi"},
		{"twemproxy", answer{data: "VERSION 1.6.18\r\n"}, answer{ending: FIN}, answer{ending: FIN}, true, "twemproxy"},
		{"proxy without backend", answer{data: "SERVER_ERROR Connection refused\r\n"}, answer{ending: FIN}, answer{ending: FIN}, true, "proxy"},
		{"built-in proxy", answer{data: "VERSION 1.6.45\r\n"}, answer{data: version("1.6.45")}, answer{data: strings.Replace(settings, "END\r\n", "STAT proxy_enabled yes\r\nEND\r\n", 1)}, false, "memcached-proxy"},
		{"built-in proxy, binding", answer{data: "VERSION 1.6.18\r\n"}, answer{data: stats}, answer{data: strings.Replace(settings, "auto-negotiate", "proxy", 1)}, false, "memcached-proxy"},
		{"dionaea", answer{data: "ERROR\r\n"}, answer{data: "STAT pid 2080\r\nSTAT version 1.4.25\r\nSTAT accepting_conns  1\r\nEND\r\n"}, answer{}, false, "dionaea"},
		{"qeeqbox", answer{data: "ERROR\r\n", closes: true}, answer{data: "STAT version 1.5.6\r\nSTAT hash_is_expanding False\r\nEND\r\n", closes: true}, answer{}, false, "qeeqbox-honeypot"},
		{"says stats but not version", answer{data: "ERROR\r\n"}, answer{data: stats}, answer{}, false, lookalike},
		{"two versions", answer{data: "VERSION 1.6.9\r\n"}, answer{data: stats}, answer{data: settings}, false, lookalike},
		{"text after the number, and no settings", answer{data: "VERSION 1.6.18 turbo\r\n"}, answer{data: version("1.6.18 turbo")}, answer{data: "ERROR\r\n"}, false, lookalike},
		{"no stats", answer{data: "VERSION 1.6.18\r\n"}, answer{data: "ERROR\r\n"}, answer{data: "ERROR\r\n"}, false, lookalike},
		{"no pid", answer{data: "VERSION 1.6.18\r\n"}, answer{data: "STAT version 1.6.18\r\nEND\r\n"}, answer{data: settings}, false, lookalike},
		{"slow, which proves nothing", answer{data: "VERSION 1.6.18\r\n"}, answer{ending: Quiet}, answer{ending: Quiet}, false, ""},
		{"stats without an end, which proves nothing", answer{data: "VERSION 1.6.18\r\n"}, answer{data: "STAT pid 1\r\n", ending: Deadline}, answer{data: settings}, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			book := map[string]answer{qVersion.name: tt.version, qStats.name: tt.stats, qSettings.name: tt.settings}
			if tt.hangsUp {
				book = map[string]answer{qVersion.name: tt.version}
			}
			got := interrogateTCP(t.Context(), &scripted{server: server{plain: book, hangsUp: tt.hangsUp}})
			if got.Product != tt.product {
				t.Errorf("product %q, want %q (tells %q)", got.Product, tt.product, got.Tells)
			}
			if (got.Product == "") != (len(got.Tells) == 0) {
				t.Errorf("product %q with tells %q", got.Product, got.Tells)
			}
			if got.State != "open" || got.Service != serviceMemcached {
				t.Errorf("state %q, service %q, want open memcached", got.State, got.Service)
			}
		})
	}
}

func TestForeignService(t *testing.T) {
	tests := map[string][]string{
		"http":       {"HTTP/1.1 400 Bad Request\r\n", "<html><body>no</body></html>", "<!DOCTYPE HTML PUBLIC"},
		"redis":      {"-ERR unknown command `version`\r\n", "-NOAUTH Authentication required.\r\n", "-DENIED Redis is running in protected mode", "-MISCONF Errors writing to the AOF"},
		"ssh":        {"SSH-2.0-OpenSSH_9.2p1\r\n"},
		"smtp":       {"220 mail.example.test ESMTP Postfix\r\n", "220-hello\r\n", "421 too busy\r\n"},
		"ftp":        {"220 (vsFTPd 3.0.3)\r\n", "220 ProFTPD Server\r\n"},
		"imap":       {"* OK [CAPABILITY IMAP4rev1] ready\r\n"},
		"pop3":       {"+OK POP3 ready\r\n"},
		"beanstalkd": {"UNKNOWN_COMMAND\r\n"},
		"gearmand":   {"OK 1.1.20+ds\n"},
		"tls":        {"\x15\x03\x01\x00\x02\x02\x46", "\x16\x03\x03\x00\x7a"},
		"mysql":      {"J\x00\x00\x00\x0a8.0.36\x00", "E\x00\x00\x00\xffj\x04Host is not allowed"},
		"postgresql": {"E\x00\x00\x00\x85SFATAL\x00"},
		"amqp":       {"AMQP\x00\x00\x09\x01"},
		"nats":       {"INFO {\"server_id\":\"x\"}\r\n"},
		"telnet":     {"\xff\xfd\x18\xff\xfd\x20"},
		"echo":       {"version\r\n"},
		"unknown":    {"", "hello", "VERSIONS\r\n", "\x00", "OK\r\n", "+", "-"},
	}
	for want, replies := range tests {
		for _, reply := range replies {
			if got := foreignService([]byte(reply)); got != want {
				t.Errorf("foreignService(%q) = %q, want %q", reply, got, want)
			}
		}
	}
}

// The first product named wins, and lookalike never does over a name.
func TestTellsOrder(t *testing.T) {
	i := slices.IndexFunc(tells, func(x tell) bool { return x.product == lookalike })
	if slices.ContainsFunc(tells[i:], func(x tell) bool { return x.product != lookalike }) {
		t.Error("a named product stands below lookalike")
	}
}

// Every product that the tells can name holds somebody's data, or is known to
// the judgement as one that does not.
func TestProductsAreJudged(t *testing.T) {
	for _, x := range tells {
		o := exposure.Observation{Transport: exposure.TCP, Port: memcachedPort, State: exposure.Open, Auth: exposure.AuthNone, Product: x.product}
		host := exposure.Host{Addr: netip.MustParseAddr("192.0.2.7"), Observations: []exposure.Observation{o}}
		want := exposure.Critical
		if strings.Contains(x.product, "honeypot") || x.product == "dionaea" || x.product == lookalike {
			want = exposure.High
		}
		if got := exposure.Judge(host, exposure.Vantage{Trust: exposure.Untrusted}); got.Verdict != exposure.Impostor || got.Severity != want {
			t.Errorf("%s: %s, %s; want impostor, %s", x.product, got.Verdict, got.Severity, want)
		}
	}
}
