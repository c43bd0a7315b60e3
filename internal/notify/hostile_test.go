package notify_test

import (
	"io"
	"log"
	"net/netip"
	"strings"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/history/life"
	"github.com/memsweep/memsweep/internal/notify"
)

type event = history.Event

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// evil are texts that a server may say.
var evil = []string{
	"1.4.25\r\nBcc: everybody@example.net\r\n\r\n<script>alert(1)</script>",
	"<!here> <!channel> <@U024BE7LH> @here @channel @everyone <https://evil.example|click>",
	"```\n* [x](javascript:alert(1)) ![](http://evil.example/x.png)\n`code` *bold* _it_ ~s~",
	"\x1b]0;title\x07\x1b[2J\x00\x7f\u202e\u2028\u200b\xff\xfe",
	`"]\ ] x="y" [memsweep@32473 message="forged"]`,
	"\n<34>1 2026-01-01T00:00:00Z evil evil - - - forged",
	"=HYPERLINK(\"http://evil.example\")|' -Xmx $(reboot) `reboot` ; reboot",
	"{{.Title}} {{range 9}}x{{end}} </title></style><img src=x onerror=alert(1)>",
	"\r\n.\r\nQUIT\r\n",
	strings.Repeat("A", 1<<20),
	strings.Repeat("\U0001F4A9", 1<<18),
}

func seen(version string) *life.Seen {
	baf := 149.13
	return &life.Seen{BAF: &baf, Detail: life.Detail{
		State: exposure.Open, Verdict: exposure.Reflector, Severity: exposure.Critical, Auth: exposure.AuthNone,
		Service: version, Product: version, Version: &version, Owner: version,
	}}
}

// hostileEvents are one new exposure an evil text, and one run that failed.
func hostileEvents() (list []history.Event) {
	for i, text := range evil {
		at := epoch.Add(time.Duration(i) * time.Minute)
		now := seen(text)
		list = append(list, history.Event{ID: int64(i + 1), Change: &history.Change{
			ID: int64(i + 1), At: at, Kind: life.Worse, Scan: "s", Job: text, Was: seen("1.6.9"), Now: now, Severity: exposure.Critical, Details: []string{text, text},
			Exposure: history.Exposure{
				ID: int64(i + 1), Endpoint: history.Endpoint{IP: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), Transport: exposure.UDP, Port: 11211},
				Names: []string{text, "cache.example.net"}, Vantage: exposure.Vantage{Name: text, Trust: exposure.Untrusted}, Seen: *now, Open: true, Since: at,
			},
		}})
	}
	run := history.Run{ID: 1, Job: "dmz", Due: epoch, Outcome: history.Failed, Problem: evil[0]}
	return append(list, history.Event{ID: int64(len(evil) + 1), Run: &run})
}

func hostileMessage() *notify.Message {
	return notify.Compose("msg_HOSTILE", "soc", epoch, hostileEvents(), &notify.Filter{})
}
