package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// MaxRanges is how many ranges a Filter may have: each is asked of every row.
const MaxRanges = 100

// ErrRanges says that a Filter has more ranges than MaxRanges.
var ErrRanges = fmt.Errorf("more than %d ranges: ask in several parts", MaxRanges)

// few is how many exposures may be looked at one by one rather than in the
// order of an index.
const few = 2000

// span is a range of addresses as the column has them; both ends are in it.
type span struct{ first, last []byte }

// condition is a part of a WHERE clause, with its arguments. The table is e.
type condition struct {
	text string
	args []any
}

func (c *condition) and(text string, args ...any) {
	if c.text != "" {
		c.text += " AND "
	}
	c.text += text
	c.args = append(c.args, args...)
}

// or1 is the text, or what is always true.
func (c condition) or1() string {
	if c.text == "" {
		return "1"
	}
	return c.text
}

// opens lists the values of the column open that the filter picks.
func (f Filter) opens() ([]int, error) {
	switch f.State {
	case "", OnlyOpen:
		return []int{1}, nil
	case OnlyFixed:
		return []int{0}, nil
	case Any:
		return []int{1, 0}, nil
	}
	return nil, fmt.Errorf("state %q: want open, fixed or any", f.State)
}

// of is what the filter demands of an exposure besides its state and severity.
func (f Filter) of() (c condition, err error) {
	if f.Vantage != "" {
		c.and("e.vantage = (SELECT id FROM vantage WHERE name = ?)", f.Vantage)
	}
	if f.Owner != "" {
		c.and("e.owner = ?", f.Owner)
	}
	if f.Verdict != "" {
		c.and("e.verdict = ?", string(f.Verdict))
	}
	if f.Transport != "" {
		c.and("e.transport = ?", string(f.Transport))
	}
	spans, err := f.spans()
	if err != nil || len(f.Ranges) == 0 {
		return c, err
	}
	var any []string
	for _, s := range spans {
		any = append(any, "e.ip BETWEEN ? AND ?")
		c.args = append(c.args, s.first, s.last)
	}
	c.and("(" + strings.Join(any, " OR ") + ")")
	return c, nil
}

// urgencies are the least and the greatest urgency that the severities allow.
func (f Filter) urgencies() (least, most int64) {
	least, most = 0, 1<<40
	if f.AtLeast != "" {
		least = int64(rank(f.AtLeast)) * urgencyOfRank
	}
	if f.Only != "" {
		least = max(least, int64(rank(f.Only))*urgencyOfRank)
		most = int64(rank(f.Only))*urgencyOfRank + urgencyOfRank - 1
	}
	return least, most
}

// urgencyOfRank is by how much one rank of severity outweighs any amplification.
const urgencyOfRank = 1_000_000

// spans are the ranges in order, none overlapping another.
func (f Filter) spans() (list []span, err error) {
	if len(f.Ranges) > MaxRanges {
		return nil, ErrRanges
	}
	for _, p := range f.Ranges {
		if !p.IsValid() {
			return nil, errors.New("a range that is none: write it as 192.0.2.0/24")
		}
		list = append(list, spansOf(p)...)
	}
	slices.SortFunc(list, func(a, b span) int { return bytes.Compare(a.first, b.first) })
	merged := list[:0]
	for _, s := range list {
		if n := len(merged); n > 0 && bytes.Compare(s.first, merged[n-1].last) <= 0 {
			if bytes.Compare(s.last, merged[n-1].last) > 0 {
				merged[n-1].last = s.last
			}
			continue
		}
		merged = append(merged, s)
	}
	return merged, nil
}

// spansOf is a range as the column has its addresses. One of IPv6 leaves out the
// block in which IPv4 is mapped.
func spansOf(p netip.Prefix) []span {
	p = p.Masked()
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	s := spanOf(p)
	mapped := spanOf(netip.PrefixFrom(netip.IPv4Unspecified(), 0))
	if p.Addr().Is4() || bytes.Compare(s.last, mapped.first) < 0 || bytes.Compare(s.first, mapped.last) > 0 {
		return []span{s}
	}
	below, _ := netip.AddrFromSlice(mapped.first)
	above, _ := netip.AddrFromSlice(mapped.last)
	return []span{{s.first, addressKey(below.Prev())}, {addressKey(above.Next()), s.last}}
}

func spanOf(p netip.Prefix) span {
	first := addressKey(p.Addr())
	last := bytes.Clone(first)
	fixed := p.Bits() // of 128
	if p.Addr().Is4() {
		fixed += 96
	}
	for bit := fixed; bit < 128; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	return span{first, last}
}

// among lists the exposures in the filter's ranges, or of its owner, when they
// are few enough to be looked at one by one.
func (f Filter) among(ctx context.Context, tx reading) (ids []int64, ok bool, err error) {
	if len(f.Ranges) > 0 {
		spans, err := f.spans()
		if err != nil {
			return nil, false, err
		}
		for _, s := range spans {
			more, err := tx.numbers(ctx, `SELECT id FROM exposure INDEXED BY exposure_by_address WHERE ip BETWEEN ? AND ? LIMIT ?`,
				s.first, s.last, few+1-len(ids))
			if err != nil {
				return nil, false, err
			}
			if ids = append(ids, more...); len(ids) > few {
				break
			}
		}
		if len(ids) <= few {
			return ids, true, nil
		}
	}
	if f.Owner != "" {
		ids, err = tx.numbers(ctx, `SELECT id FROM exposure INDEXED BY exposure_of_owner WHERE owner = ? AND owner <> '' LIMIT ?`, f.Owner, few+1)
		return ids, len(ids) <= few, err
	}
	return nil, false, nil
}
