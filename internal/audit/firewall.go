package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// firewall is what could be seen of the rules for packets that come in. It is
// told as it is: whether rules keep others out is never claimed.
type firewall struct {
	tables []ruleset
	blind  []string // why something could not be seen
}

// ruleset is one listing of rules.
type ruleset struct {
	source  string   // "nft -j list ruleset", "/etc/nftables.conf"
	loaded  bool     // the kernel's own word, not a file
	filters []string // what filters that which comes in: "inet filter input, policy drop"
	rules   []string // each as it stands in the source
	names   func(rule string, port uint16) bool
}

const (
	maxRules     = 4 << 20
	rulesTimeout = 5 * time.Second
)

// loadedRules asks the kernel, by nft and, where there are tables of the older
// kind, by iptables-save. That needs root.
func loadedRules(ctx context.Context) firewall {
	var f firewall
	if os.Geteuid() != 0 {
		f.blind = append(f.blind, "The firewall's rules could not be read: that needs root.")
		return f
	}
	if out, err := listRules(ctx, "nft", "-j", "list", "ruleset"); err != nil {
		f.blind = append(f.blind, fmt.Sprintf("The rules of nftables could not be read: %v.", err))
	} else if r, err := parseNft(out); err != nil {
		f.blind = append(f.blind, fmt.Sprintf("The rules of nftables could not be read: %v.", err))
	} else {
		f.tables = append(f.tables, r)
	}
	for _, family := range []struct{ tables, program string }{
		{"/proc/net/ip_tables_names", "iptables"}, {"/proc/net/ip6_tables_names", "ip6tables"},
	} {
		// Without tables there is nothing to list, and nothing to be loaded by listing it.
		if names, err := os.ReadFile(family.tables); err != nil || len(names) == 0 {
			continue
		}
		out, err := listRules(ctx, family.program+"-legacy-save")
		if errors.Is(err, exec.ErrNotFound) {
			out, err = listRules(ctx, family.program+"-save")
		}
		if err != nil {
			f.blind = append(f.blind, fmt.Sprintf("The rules of %s could not be read: %v.", family.program, err))
			continue
		}
		r := parseSaved(family.program+"-save", string(out))
		r.loaded = true
		f.tables = append(f.tables, r)
	}
	return f
}

// savedRules reads the files that rules are loaded from at boot.
func (t *tree) savedRules() firewall {
	f := firewall{blind: []string{"Which firewall rules are loaded is not known from files."}}
	for _, file := range []string{
		"/etc/nftables.conf", "/etc/sysconfig/nftables.conf", "/etc/iptables/rules.v4", "/etc/iptables/rules.v6",
		"/etc/sysconfig/iptables", "/etc/sysconfig/ip6tables", "/etc/ufw/user.rules", "/etc/ufw/user6.rules",
	} {
		if text, err := t.text(file); err == nil {
			f.tables = append(f.tables, parseSaved(file, text))
		}
	}
	return f
}

// listRules runs a program that only prints, from where the system keeps it.
func listRules(ctx context.Context, name string, args ...string) ([]byte, error) {
	program := ""
	for _, folder := range []string{"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"} {
		if info, err := os.Stat(folder + name); err == nil && info.Mode().IsRegular() {
			program = folder + name
			break
		}
	}
	if program == "" {
		return nil, fmt.Errorf("%s: %w", name, exec.ErrNotFound)
	}
	ctx, cancel := context.WithTimeout(ctx, rulesTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/sbin:/sbin:/usr/bin:/bin"}
	var out bounded
	cmd.Stdout = &out
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// bounded is what a program has said, up to maxRules.
type bounded []byte

func (b *bounded) Write(p []byte) (int, error) {
	if len(*b)+len(p) > maxRules {
		return 0, fmt.Errorf("more than %d bytes of rules", maxRules)
	}
	*b = append(*b, p...)
	return len(p), nil
}

// parseNft reads `nft -j list ruleset` (libnftables-json(5)).
func parseNft(out []byte) (ruleset, error) {
	var doc struct {
		Objects []struct {
			Chain *struct{ Family, Table, Name, Type, Hook, Policy string }
			Rule  json.RawMessage
		} `json:"nftables"`
	}
	r := ruleset{source: "nft -j list ruleset", loaded: true, names: nftNames}
	if err := json.Unmarshal(out, &doc); err != nil {
		return r, fmt.Errorf("parse what nft says: %w", err)
	}
	for _, o := range doc.Objects {
		if c := o.Chain; c != nil && c.Type == "filter" && slices.Contains([]string{"input", "prerouting", "ingress"}, c.Hook) {
			r.filters = append(r.filters, fmt.Sprintf("%s %s %s, policy %s", c.Family, c.Table, c.Name, c.Policy))
		}
		if o.Rule != nil {
			r.rules = append(r.rules, string(o.Rule))
		}
	}
	return r, nil
}

// nftNames reports whether a rule compares a destination port with port, or
// with something that may hold it.
func nftNames(rule string, port uint16) bool {
	var v any
	if json.Unmarshal([]byte(rule), &v) != nil {
		return false
	}
	return anyMatch(v, port)
}

func anyMatch(v any, port uint16) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return anyMatch(e, port) })
	case map[string]any:
		left, _ := v["left"].(map[string]any)
		payload, _ := left["payload"].(map[string]any)
		if payload["field"] == "dport" {
			return holds(v["right"], port)
		}
		for _, e := range v {
			if anyMatch(e, port) {
				return true
			}
		}
	}
	return false
}

// holds: a number, a range, a set of both, or a named set, which may hold
// anything.
func holds(v any, port uint16) bool {
	switch v := v.(type) {
	case float64:
		return v == float64(port)
	case string:
		return strings.HasPrefix(v, "@")
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return holds(e, port) })
	case map[string]any:
		if r, ok := v["range"].([]any); ok && len(r) == 2 {
			low, ok1 := r[0].(float64)
			high, ok2 := r[1].(float64)
			return ok1 && ok2 && low <= float64(port) && float64(port) <= high
		}
		return holds(v["set"], port)
	}
	return false
}

// parseSaved reads the rules of iptables-save, or of another file of rules,
// line by line.
func parseSaved(source, text string) ruleset {
	r := ruleset{source: source, names: lineNames}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, ":INPUT "):
			policy, _, _ := strings.Cut(line[len(":INPUT "):], " ")
			r.filters = append(r.filters, "INPUT, policy "+policy)
		default:
			r.rules = append(r.rules, line)
		}
	}
	return r
}

// lineNames reports whether a line holds port as a number of its own, or a
// range around it.
func lineNames(line string, port uint16) bool {
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(" \t,{};=\"", r) }) {
		low, high, ok := strings.Cut(word, ":")
		if !ok {
			low, high, ok = strings.Cut(word, "-")
		}
		if !ok {
			high = low
		}
		from, err1 := strconv.ParseUint(low, 10, 16)
		to, err2 := strconv.ParseUint(high, 10, 16)
		if err1 == nil && err2 == nil && from <= uint64(port) && uint64(port) <= to {
			return true
		}
	}
	return false
}
