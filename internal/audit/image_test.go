package audit

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/memsweep/memsweep/exposure"
)

// files is a tree: contents by name; "-> x" is a link to x.
type files map[string]string

func (f files) write(t testing.TB, root string) {
	t.Helper()
	for name, content := range f {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// image audits a tree, and says in one line what came out.
func image(t testing.TB, f files) (Report, string) {
	t.Helper()
	root := t.TempDir()
	f.write(t, root)
	r, err := Run(t.Context(), Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return r, summary(t, r)
}

// summary says which endpoints are open, whether as root, and how it ended. It
// holds the report's numbers against each other.
func summary(t testing.TB, r Report) string {
	t.Helper()
	var words []string
	answered := uint64(0)
	for _, h := range r.Hosts {
		for _, o := range h.Observations {
			if o.State.Answered() {
				answered++
			}
			if o.State == exposure.Closed && (o.Process.Drift == nil || o.Process.PID != 0) {
				continue
			}
			word := fmt.Sprintf("%s %s %s", o.Transport, netip.AddrPortFrom(h.Addr, o.Port), o.State)
			if o.Process.Root {
				word += " root"
			}
			words = append(words, word)
		}
	}
	c := r.Coverage
	if c.Outcomes.Answered != answered || c.Planned != c.Outcomes.Sum() || c.Probes[tcpProbe].Add(c.Probes[udpProbe]) != c.Outcomes || c.Planned == 0 {
		t.Errorf("%d answered, but the coverage is %+v", answered, c)
	}
	for probe, f := range c.Fates {
		for _, packed := range []exposure.PackedBits{f.Closed, f.Unasked} {
			if _, err := packed.Unpack(c.Addresses); err != nil {
				t.Errorf("fates of %s: %v", probe, err)
			}
		}
	}
	var p plan
	if err := json.Unmarshal(r.Plan, &p); err != nil || uint64(len(p.Targets)) != c.Addresses || p.SHA256 == "" {
		t.Errorf("plan %s: %v", r.Plan, err)
	}
	return strings.Join(append(words, string(r.Status)), ", ")
}

const (
	debianUnit = "[Service]\nExecStart=/usr/share/memcached/scripts/systemd-memcached-wrapper /etc/memcached.conf\n"
	rhelUnit   = "[Service]\nEnvironmentFile=/etc/sysconfig/memcached\nExecStart=/usr/bin/memcached -p ${PORT} -u ${USER} -m ${CACHESIZE} -c ${MAXCONN} $OPTIONS\n"
	sysconfig  = "PORT=\"11211\"\nUSER=\"memcached\"\nMAXCONN=\"1024\"\nCACHESIZE=\"64\"\nOPTIONS=\"%s\"\n"
	program    = "\x7fELF\x00VERSION 1.6.18\x00"
	unitAt     = "usr/lib/systemd/system/memcached.service"
	dropIns    = "etc/systemd/system/memcached.service.d/"
	programAt  = "usr/bin/memcached"
	confAt     = "etc/memcached.conf"
	passwd     = "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\nmemcache:x:104:104::/:/bin/false\n"
)

func TestImages(t *testing.T) {
	t.Parallel()
	const loopback, all = "-m 64\n-u memcache\n-l 127.0.0.1\n", "tcp 0.0.0.0:11211 open, tcp [::]:11211 open, complete"
	const open1, closed = "tcp 127.0.0.1:11211 open, complete", "complete"
	for name, tt := range map[string]struct {
		files files
		want  string
	}{
		"a system without it":    {files{"etc/passwd": passwd}, closed},
		"nothing is mounted":     {files{}, "incomplete"},
		"Debian":                 {files{unitAt: debianUnit, confAt: loopback, programAt: program}, open1},
		"Debian, every address":  {files{unitAt: debianUnit, confAt: "-u memcache", programAt: program}, all},
		"no configuration":       {files{unitAt: debianUnit, programAt: program}, "tcp 0.0.0.0:11211 open root, tcp [::]:11211 open root, complete"},
		"another root":           {files{unitAt: debianUnit, confAt: "-u toor -l 127.0.0.1", programAt: program, "etc/passwd": passwd}, "tcp 127.0.0.1:11211 open root, complete"},
		"the last user counts":   {files{unitAt: debianUnit, confAt: loopback + "-u root", programAt: program}, "tcp 127.0.0.1:11211 open root, complete"},
		"UDP":                    {files{unitAt: debianUnit, confAt: loopback + "-U 11211", programAt: program}, "tcp 127.0.0.1:11211 open, udp 127.0.0.1:11211 open, complete"},
		"no release":             {files{unitAt: debianUnit, confAt: loopback}, "tcp 127.0.0.1:11211 open, udp 127.0.0.1:11211 not_scanned, incomplete"},
		"an old release":         {files{unitAt: debianUnit, confAt: loopback, programAt: "\x00VERSION 1.4.15\r\n"}, "tcp 127.0.0.1:11211 open, udp 127.0.0.1:11211 not_scanned, incomplete"},
		"Unix socket":            {files{unitAt: debianUnit, confAt: "-u memcache -s /run/m.sock", programAt: program}, closed},
		"credentials":            {files{unitAt: debianUnit, confAt: "-u memcache -S -l 10.0.0.1", programAt: program}, "tcp 10.0.0.1:11211 auth_required, complete"},
		"a name":                 {files{unitAt: debianUnit, confAt: "-u memcache -l cache.internal", programAt: program}, "incomplete"},
		"shell":                  {files{unitAt: debianUnit, confAt: "-u memcache -l $(hostname -i)", programAt: program}, "incomplete"},
		"RHEL":                   {files{unitAt: rhelUnit, "etc/sysconfig/memcached": fmt.Sprintf(sysconfig, "-l 127.0.0.1"), programAt: program}, open1},
		"RHEL, emptied":          {files{unitAt: rhelUnit, "etc/sysconfig/memcached": fmt.Sprintf(sysconfig, ""), programAt: program}, all},
		"RHEL, no sysconfig":     {files{unitAt: rhelUnit, programAt: program}, "incomplete"},
		"init script":            {files{confAt: loopback, programAt: program}, open1},
		"init script, sysconfig": {files{"etc/sysconfig/memcached": fmt.Sprintf(sysconfig, ""), programAt: program}, all},
		"nothing starts it":      {files{programAt: program}, "incomplete"},
		"masked":                 {files{unitAt: debianUnit, confAt: loopback, "etc/systemd/system/memcached.service": "-> /dev/null"}, closed},
		"masked by an empty":     {files{unitAt: debianUnit, confAt: loopback, "etc/systemd/system/memcached.service": ""}, closed},
		"/etc before /usr": {files{unitAt: debianUnit, "etc/systemd/system/memcached.service": "[Service]\nExecStart=/usr/bin/memcached -u nobody -l 10.0.0.1\n",
			confAt: loopback, programAt: program}, "tcp 10.0.0.1:11211 open, complete"},
		"drop-in":           {files{unitAt: debianUnit, dropIns + "x.conf": "[Service]\nExecStart=\nExecStart=/usr/bin/memcached -u x\n", confAt: loopback, programAt: program}, all},
		"two ExecStart":     {files{unitAt: debianUnit, dropIns + "x.conf": "[Service]\nExecStart=/usr/bin/memcached -u x\n", confAt: loopback, programAt: program}, "incomplete"},
		"drop-in, by name":  {files{unitAt: debianUnit, dropIns + "a.conf": "[Service]\nUser=root\n", dropIns + "b.conf": "[Service]\nUser=nobody\n", confAt: loopback, programAt: program}, open1},
		"drop-in, shadowed": {files{unitAt: debianUnit, "usr/lib/systemd/system/memcached.service.d/a.conf": "[Service]\nUser=root\n", dropIns + "a.conf": "-> /dev/null", confAt: loopback, programAt: program}, open1},
		"User=root":         {files{unitAt: debianUnit + "User=root\n", confAt: loopback, programAt: program}, "tcp 127.0.0.1:11211 open root, complete"},
		"environment": {files{unitAt: "[Service]\nEnvironment=OPTIONS=\"-l 127.0.0.1\" USER=memcache\nExecStart=/usr/bin/memcached -u ${USER} $OPTIONS\n",
			programAt: program}, open1},
		"an instance": {files{"usr/lib/systemd/system/memcached@.service": "[Service]\nExecStart=/usr/bin/memcached -u x -p %i -l 10.0.0.1\n",
			"etc/systemd/system/multi-user.target.wants/memcached@11212.service": "-> /usr/lib/systemd/system/memcached@.service", programAt: program}, "tcp 10.0.0.1:11212 open, complete"},
		"env and nice":     {files{unitAt: "[Service]\nExecStart=/usr/bin/env A=b nice memcached -u x -l 10.0.0.1\n", programAt: program}, "tcp 10.0.0.1:11211 open, udp 10.0.0.1:11211 not_scanned, incomplete"},
		"a shell's script": {files{unitAt: "[Service]\nExecStart=/bin/sh -c 'exec memcached'\n", programAt: program}, "incomplete"},
		"the exporter":     {files{"usr/lib/systemd/system/memcached-exporter.service": "[Service]\nExecStart=/usr/bin/memcached_exporter\n"}, closed},
		"no -u":            {files{unitAt: "[Service]\nExecStart=/usr/bin/memcached\n", programAt: program}, closed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r, got := image(t, tt.files); got != tt.want {
				t.Errorf("got %s\nwant %s\n%q", got, tt.want, r.Problems)
			}
		})
	}
}

// TestOtherUnits: a unit may start memcached and not be called after it.
func TestOtherUnits(t *testing.T) {
	t.Parallel()
	const (
		starts = "[Service]\nUser=cache\nExecStart=/usr/bin/memcached -l 10.0.0.1\n[Install]\nAlias=memcached.service\n"
		unit   = "usr/lib/systemd/system/sessions.service"
		system = "etc/systemd/system/"
		seen   = "tcp 10.0.0.1:11211 open, complete"
	)
	for name, tt := range map[string]struct {
		files files
		want  string
	}{
		"another name":       {files{unit: starts}, seen},
		"another template":   {files{"usr/lib/systemd/system/cache@.service": starts, system + "multi-user.target.wants/cache@1.service": "-> /usr/lib/systemd/system/cache@.service"}, seen},
		"by a drop-in":       {files{unit: "[Service]\nExecStart=/bin/true\n", system + "sessions.service.d/x.conf": "[Service]\nExecStart=\nExecStart=/usr/bin/memcached -u x -l 10.0.0.1\n"}, seen},
		"an alias":           {files{unit: starts, system + "memcached.service": "-> /" + unit}, seen},
		"an alias's drop-in": {files{unit: starts, system + "memcached.service": "-> /" + unit, system + "memcached.service.d/x.conf": "[Service]\nUser=root\n"}, "tcp 10.0.0.1:11211 open root, complete"},
		"an alias is native": {files{unit: starts, system + "memcached.service": "-> /" + unit, confAt: "-u x -l 10.0.0.2"}, seen},
		"a linked unit":      {files{"opt/mc.service": starts, system + "sessions.service": "-> /opt/mc.service"}, seen},
		"and an init script": {files{unit: starts, confAt: "-u x -l 10.0.0.2"}, "tcp 10.0.0.1:11211 open, tcp 10.0.0.2:11211 open, complete"},
		"in a shell":         {files{unit: "[Service]\nExecStart=/bin/sh -c 'exec memcached -l 10.0.0.1'\n"}, "incomplete"},
		"by a shell's sign":  {files{unit: "[Service]\nExecStart=|/usr/bin/memcached -u x\n"}, "incomplete"},
		"in a container":     {files{unit: "[Service]\nExecStart=/usr/bin/docker run --name memcached -p 11211:11211 memcached:1.6\n"}, "incomplete"},
		"not to be read":     {files{unit: "\x00", programAt: ""}, "incomplete"},
		"masked":             {files{unit: starts, system + "sessions.service": "-> /dev/null"}, "incomplete"}, // what is installed is started by nothing
		"another program":    {files{unit: "[Service]\nExecStart=/usr/bin/memcached_exporter --address=memcached:11211\n", "etc/x": ""}, "incomplete"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, other := tt.files[programAt]; !other {
				tt.files[programAt] = program
			}
			r, got := image(t, tt.files)
			if got != tt.want {
				t.Errorf("got %s\nwant %s\n%q", got, tt.want, r.Problems)
			}
		})
	}
}

// TestImageIsNotClosed: what could not be read is no reason to call anything
// closed.
func TestImageIsNotClosed(t *testing.T) {
	t.Parallel()
	const shell = "[Service]\nExecStart=/bin/sh -c 'exec memcached'\n"
	for name, f := range map[string]files{
		"a shell's script":   {unitAt: shell, programAt: program},
		"elsewhere":          {"usr/lib/systemd/system/sessions.service": shell, programAt: program},
		"no text":            {unitAt: rhelUnit, "etc/sysconfig/memcached": "\x00", programAt: program},
		"a folder":           {unitAt: rhelUnit, "etc/sysconfig/memcached/x": "", programAt: program},
		"a name":             {unitAt: debianUnit, confAt: "-u memcache -l cache.internal", programAt: program},
		"another is at hand": {unitAt: debianUnit, confAt: "-u memcache -l 0.0.0.0,::", "etc/systemd/system/x.service": shell, programAt: program},
	} {
		r, _ := image(t, f)
		for probe, fates := range r.Coverage.Fates {
			closed, err := fates.Closed.Unpack(r.Coverage.Addresses)
			if err != nil || slices.ContainsFunc(closed, func(b byte) bool { return b != 0 }) {
				t.Errorf("%s: %s: closed %08b, %v", name, probe, closed, err)
			}
		}
		if r.Status != exposure.Incomplete || r.Coverage.Outcomes.NotScanned == 0 {
			t.Errorf("%s: %s, %+v", name, r.Status, r.Coverage.Outcomes)
		}
	}
}

// TestImageEvidence: the lines that say so, and no others.
func TestImageEvidence(t *testing.T) {
	t.Parallel()
	unit := "[Unit]\n[Service]\nEnvironment=SECRET=hunter2\nEnvironmentFile=/etc/env\nExecStart=/usr/bin/memcached -u x -l $LISTEN\nIPAddressDeny=any\nIPAddressAllow=localhost 10.0.0.0/8\n"
	r, _ := image(t, files{unitAt: unit, "etc/env": "TOKEN=hunter2\n\nLISTEN=10.0.0.1\n", programAt: program,
		"var/lib/dpkg/status":       "Package: other\nVersion: 1\n\nPackage: memcached\nStatus: install ok installed\nVersion: 1.6.18-1+deb12u1\n\n",
		"etc/iptables/rules.v4":     "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 11211 -j DROP\n-A INPUT -p tcp -m multiport --dports 22,11000:12000 -j DROP\n-A INPUT -p tcp --dport 112110 -j DROP\n",
		"etc/systemd/system/x/none": ""})
	o := r.Hosts[0].Observations[0]
	got := map[string]string{}
	for _, e := range o.Evidence {
		got[e.Question] = string(e.Reply)
	}
	want := map[string]string{
		"audit: /" + unitAt:             "4: EnvironmentFile=/etc/env\n5: ExecStart=/usr/bin/memcached -u x -l $LISTEN\n6: IPAddressDeny=any\n7: IPAddressAllow=localhost 10.0.0.0/8",
		"audit: /etc/env":               "3: LISTEN=10.0.0.1",
		"audit: /etc/iptables/rules.v4": "-A INPUT -p tcp --dport 11211 -j DROP\n-A INPUT -p tcp -m multiport --dports 22,11000:12000 -j DROP",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	notes := strings.Join(o.Notes, "\n")
	for _, said := range []string{"IPAddressDeny", "1.6.18-1+deb12u1", "may not be what is loaded", "not seen running"} {
		if !strings.Contains(notes, said) {
			t.Errorf("%q is not said in\n%s", said, notes)
		}
	}
	whole, err := json.Marshal(r)
	if err != nil || strings.Contains(string(whole), "hunter2") {
		t.Errorf("a secret is in the report, or %v", err)
	}
}
