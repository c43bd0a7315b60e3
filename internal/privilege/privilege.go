// Package privilege says what this process may do, what each engine needs, and
// gives up what is not needed any more.
//
// The order is always the same: open everything that needs a capability
// (packet sockets, BPF programs, memory-mapped rings), then Drop, then Confine.
// Sockets, programs and files that are open stay usable.
package privilege

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrUnsupported means that this system has no such protection.
var ErrUnsupported = errors.New("only Linux has capabilities and landlock")

// The capabilities that engines need, by the names of capabilities(7).
const (
	NetRaw   = "cap_net_raw"
	NetAdmin = "cap_net_admin"
	BPF      = "cap_bpf"
	Perfmon  = "cap_perfmon"
)

// Status is what this process may do.
type Status struct {
	User         string       `json:"user"`
	UID          int          `json:"uid"`    // -1 where users have no numbers
	Kernel       string       `json:"kernel"` // "" where it is not known
	Capabilities []Capability `json:"capabilities"`
	NoNewPrivs   bool         `json:"no_new_privs"`
	// Landlock is the version of the kernel's landlock ABI; 0: there is none.
	Landlock int `json:"landlock_abi"`
}

// Capability is one that an engine needs, and how far this process has it.
type Capability struct {
	Name      string `json:"name"`
	Effective bool   `json:"effective"`
	Permitted bool   `json:"permitted"`
	Ambient   bool   `json:"ambient"`
	// Bounded means that no program can get it here: it is not in the
	// bounding set, as in most containers.
	Bounded bool `json:"bounded"`
}

// Has reports whether a capability is in force.
func (s Status) Has(name string) bool {
	return slices.ContainsFunc(s.Capabilities, func(c Capability) bool { return c.Name == name && c.Effective })
}

// Engine is one way to send, and what it takes.
type Engine struct {
	Name  string   `json:"name"` // "socket", "raw/packet", "raw/afxdp", "raw/xdp"
	Needs []string `json:"needs"`
	// try does the privileged part for nothing: it opens, and closes at once,
	// and no packet leaves.
	try func() error
}

// Engines are all there are, the one with the fewest needs first.
func Engines() []Engine {
	return []Engine{
		{Name: "socket", try: trySocket},
		{Name: "raw/packet", Needs: []string{NetRaw}, try: tryPacket},
		{Name: "raw/afxdp", Needs: []string{NetRaw}, try: tryAFXDP},
		// Perfmon: a sender that does not see what drivers drop is not used.
		{Name: "raw/xdp", Needs: []string{NetRaw, NetAdmin, BPF, Perfmon}, try: tryXDP},
	}
}

// Check tries whether an engine works here, and what else it is made of. The
// error says why it does not; missing are the capabilities that it lacks.
func (e Engine) Check(s Status, parts ...func() error) (missing []string, err error) {
	missing = e.lacks(s)
	for _, try := range append([]func() error{e.try}, parts...) {
		if err = try(); err != nil {
			break
		}
	}
	switch {
	case err == nil:
		return nil, nil // in a way that the list of needs does not know
	case errors.Is(err, ErrUnsupported):
		return nil, errors.New("it needs Linux")
	case len(missing) > 0:
		return missing, fmt.Errorf("needs %s", strings.Join(missing, ", "))
	}
	return nil, err
}

// lacks are the capabilities that the engine needs and this process does not
// have.
func (e Engine) lacks(s Status) (missing []string) {
	for _, name := range e.Needs {
		if !s.Has(name) {
			missing = append(missing, name)
		}
	}
	return missing
}
