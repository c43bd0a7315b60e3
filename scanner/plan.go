package scanner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/memsweep/memsweep/probes"
	"github.com/memsweep/memsweep/targets"
)

// Plan is everything that a sweep will do, as plain data: the same plan run
// again asks the same questions in the same order.
type Plan struct {
	Targets []netip.Prefix `json:"targets"` // before exclusion, disjoint
	Exclude []netip.Prefix `json:"exclude"`
	Names   []targets.Name `json:"names,omitempty"` // host names and what they resolved to
	// Broadcast are addresses that this machine cannot ask: the broadcast
	// addresses of its own networks, and for the raw engine its own addresses
	// among the targets. They are left out.
	Broadcast []netip.Addr `json:"broadcast,omitempty"`

	Probes []string `json:"probes"`
	Port   uint16   `json:"port"`

	Engine    string        `json:"engine"`
	Rate      float64       `json:"rate"`                // packets a second
	Bandwidth uint64        `json:"bandwidth,omitempty"` // bits a second, 0: no bound
	Tries     int           `json:"tries"`
	Timeout   Duration      `json:"timeout"`
	Cooldown  Duration      `json:"cooldown"`
	Workers   int           `json:"workers,omitempty"` // TCP connections at once, 0: as many as this machine allows
	Seed      uint64        `json:"seed"`
	Shard     targets.Shard `json:"shard"`
}

// Duration is a time.Duration that reads as "1.5s" in JSON.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Set is every address of the plan.
func (p Plan) Set() (targets.Set, error) {
	drop := p.Exclude
	for _, a := range p.Broadcast {
		drop = append(drop[:len(drop):len(drop)], netip.PrefixFrom(a, a.BitLen()))
	}
	set, err := targets.SetOf(p.Targets...)
	if err != nil {
		return set, fmt.Errorf("plan: targets: %w", err)
	}
	excluded, err := targets.SetOf(drop...)
	if err != nil {
		return set, fmt.Errorf("plan: exclude: %w", err)
	}
	set = set.Minus(excluded)
	if set.Len() == 0 {
		return set, errors.New("plan: no address is left to sweep")
	}
	return set, nil
}

// MarshalJSON writes lists that are empty as lists.
func (p Plan) MarshalJSON() ([]byte, error) {
	type plain Plan
	if p.Exclude == nil {
		p.Exclude = []netip.Prefix{}
	}
	return json.Marshal(plain(p))
}

// Digest is the SHA-256 of what the plan asks: targets, exclusions, probes,
// port and shard. Who asks, how fast and in which order is not part of it, so
// that sweeps from several vantages can be told to have asked the same; nor are
// the broadcast addresses, which are those of whoever asks. The seed is, where
// it decides which addresses are in a shard.
func (p Plan) Digest() string {
	asked := struct {
		Targets, Exclude []netip.Prefix
		Broadcast        []netip.Addr // always null: what is hashed keeps its form
		Probes           []string
		Port             uint16
		Shard            targets.Shard
		Seed             uint64 `json:",omitempty"`
	}{Targets: p.Targets, Probes: p.Probes, Port: p.Port, Shard: p.Shard}
	if len(p.Exclude) > 0 { // read back, an empty list is not nil
		asked.Exclude = p.Exclude
	}
	if p.Shard.Count > 1 {
		asked.Seed = p.Seed
	}
	b, err := json.Marshal(asked)
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Document is the plan as a report holds it: with its digest, as "sha256".
func (p Plan) Document() json.RawMessage {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // plain data
	}
	return fmt.Appendf(b[:len(b)-1], `,"sha256":%q}`, p.Digest())
}

// Engines are the names of the engines that a plan may ask for.
func Engines() []string { return []string{"socket", "raw"} }

// Limits of a plan.
const (
	MaxRate     = 10_000_000
	MaxTries    = 10
	MaxTimeout  = time.Minute
	MaxCooldown = 10 * time.Minute
	MaxWorkers  = 20_000
)

// Validate reports the first thing about the plan that makes no sense.
func (p Plan) Validate() error {
	for _, name := range p.Probes {
		if _, ok := probes.ByName(name); !ok {
			return fmt.Errorf("plan: unknown probe %q: `memsweep probes` lists them", name)
		}
	}
	switch {
	case !slices.Contains(Engines(), p.Engine):
		return fmt.Errorf("plan: unknown engine %q: write one of %s", p.Engine, strings.Join(Engines(), ", "))
	case len(p.Probes) == 0:
		return errors.New("plan: no probe")
	case p.Port == 0:
		return errors.New("plan: port 0")
	case !(p.Rate >= 1 && p.Rate <= MaxRate):
		return fmt.Errorf("plan: rate %v: write packets a second, from 1 to %d", p.Rate, MaxRate)
	case p.Tries < 1 || p.Tries > MaxTries:
		return fmt.Errorf("plan: tries %d: write a number from 1 to %d", p.Tries, MaxTries)
	case p.Timeout < Duration(10*time.Millisecond) || p.Timeout > Duration(MaxTimeout):
		return fmt.Errorf("plan: timeout %s: write a duration from 10ms to %s", time.Duration(p.Timeout), MaxTimeout)
	case p.Cooldown < 0 || p.Cooldown > Duration(MaxCooldown):
		return fmt.Errorf("plan: cooldown %s: write a duration from 0s to %s", time.Duration(p.Cooldown), MaxCooldown)
	case p.Workers < 0 || p.Workers > MaxWorkers:
		return fmt.Errorf("plan: workers %d: write a number from 1 to %d", p.Workers, MaxWorkers)
	case p.Shard.Count == 0 || p.Shard.Index == 0 || p.Shard.Index > p.Shard.Count:
		return fmt.Errorf("plan: shard %d/%d: write for example 1/4", p.Shard.Index, p.Shard.Count)
	}
	return nil
}

// probes returns the plan's probes, at the plan's port.
func (p Plan) probes() []probes.Probe {
	var list []probes.Probe
	for _, name := range p.Probes {
		if probe, ok := probes.ByName(name); ok {
			probe.Port = p.Port
			list = append(list, probe)
		}
	}
	return list
}
