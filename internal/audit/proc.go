package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// proc reads a mounted proc file system (proc(5)).
type proc struct {
	dir   string
	order binary.ByteOrder
}

// maxProcFile is how much is read of one file of proc. The tables of sockets
// grow with the connections of a machine.
const maxProcFile = 64 << 20

func (p proc) read(elements ...any) (string, error) {
	name := p.dir
	for _, e := range elements {
		name = filepath.Join(name, fmt.Sprint(e))
	}
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, bare(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxProcFile+1))
	if err == nil && len(b) > maxProcFile {
		err = fmt.Errorf("it is larger than %d bytes", maxProcFile)
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, bare(err))
	}
	return string(b), nil
}

func (p proc) link(elements ...any) string {
	name := p.dir
	for _, e := range elements {
		name = filepath.Join(name, fmt.Sprint(e))
	}
	target, _ := os.Readlink(name) // what may not be seen is not known
	return target
}

// pids are the processes that there are, as far as they may be seen.
func (p proc) pids() ([]int, error) {
	f, err := os.Open(p.dir)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var pids []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// hidden reports whether proc does not show the processes of others (hidepid).
func (p proc) hidden() bool {
	_, err := os.Stat(filepath.Join(p.dir, "1", "comm"))
	return err != nil
}

// otherNetwork names the network namespace of a process, "" when it is the
// audit's own. A process of somebody else does not show its name, but the files
// of one namespace are the same files.
func (p proc) otherNetwork(pid int) string {
	own, its := p.link("self", "ns", "net"), p.link(pid, "ns", "net")
	if own != "" && its != "" {
		if own == its {
			return ""
		}
		return its
	}
	a, errA := os.Stat(filepath.Join(p.dir, "self", "net", "tcp"))
	b, errB := os.Stat(filepath.Join(p.dir, strconv.Itoa(pid), "net", "tcp"))
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return ""
	}
	return "another"
}

// unitOf is the innermost service in a control group, "" for none: a container's
// is called after the container.
func unitOf(groups string) string {
	unit := ""
	for line := range strings.Lines(groups) { // hierarchy:controllers:path, cgroups(7)
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || f[0] != "0" && f[1] != "name=systemd" {
			continue
		}
		for part := range strings.SplitSeq(f[2], "/") {
			if startable(part) {
				unit = part
			}
		}
	}
	return unit
}

// waiting are all sockets of the network of a process that wait for somebody.
func (p proc) waiting(pid any) ([]socket, error) {
	var all []socket
	var failed error
	for _, table := range []struct {
		file      string
		transport exposure.Transport
		optional  bool
	}{{"tcp", exposure.TCP, false}, {"udp", exposure.UDP, false}, {"tcp6", exposure.TCP, true}, {"udp6", exposure.UDP, true}} {
		text, err := p.read(pid, "net", table.file)
		if err != nil && !(table.optional && errors.Is(err, fs.ErrNotExist)) {
			failed = errors.Join(failed, err)
		}
		list, bad := parseSockets(text, table.transport, p.order)
		if bad > 0 {
			failed = errors.Join(failed, fmt.Errorf("read %s of PID %v: %d lines make no sense", table.file, pid, bad))
		}
		all = append(all, list...)
	}
	return all, failed
}

// inodes are the sockets that a process has open. It is an error when that may
// not be seen.
func (p proc) inodes(pid int) (map[string]bool, error) {
	dir := filepath.Join(p.dir, strconv.Itoa(pid), "fd")
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, bare(err))
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, bare(err))
	}
	found := map[string]bool{}
	for _, n := range names {
		if inode, ok := strings.CutPrefix(p.link(pid, "fd", n), "socket:["); ok {
			found[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return found, nil
}
