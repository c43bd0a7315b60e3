package history

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/memsweep/memsweep/exposure"
)

// The forms in which the columns of schema.sql hold what is not a number or text.

// micros is a time as the columns have it.
func micros(t time.Time) int64 { return t.UnixMicro() }

// moment is the reverse of micros.
func moment(us int64) time.Time { return time.UnixMicro(us).UTC() }

// microsOrZero and momentOrZero are the same where 0 stands for none.
func microsOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return micros(t)
}

func momentOrZero(us int64) (t time.Time) {
	if us != 0 {
		t = moment(us)
	}
	return t
}

func momentOrNil(us sql.NullInt64) *time.Time {
	if !us.Valid {
		return nil
	}
	t := moment(us.Int64)
	return &t
}

// rank orders severities: 1 info to 5 critical. One that is not known counts as
// the worst.
func rank(s exposure.Severity) int {
	known := exposure.Severities()
	if i := slices.Index(known, s); i >= 0 {
		return len(known) - i
	}
	return len(known)
}

// severityOf is the reverse of rank.
func severityOf(rank int) exposure.Severity {
	known := exposure.Severities()
	return known[min(max(0, len(known)-rank), len(known)-1)]
}

// addressKey is an address as 16 bytes, IPv4 mapped into IPv6.
func addressKey(a netip.Addr) []byte {
	b := a.As16()
	return b[:]
}

// addressOf is the reverse of addressKey.
func addressOf(key []byte) (netip.Addr, error) {
	a, ok := netip.AddrFromSlice(key)
	if !ok || len(key) != 16 {
		return netip.Addr{}, fmt.Errorf("an address of %d bytes: the file is damaged, run `memsweep history check`", len(key))
	}
	return a.Unmap(), nil
}

// idList is a list of row IDs as json_each reads it.
func idList(ids []int64) string {
	if ids == nil {
		ids = []int64{}
	}
	text, err := json.Marshal(ids)
	if err != nil {
		panic(err) // they are numbers
	}
	return string(text)
}
