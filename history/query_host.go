package history

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/klauspost/compress/s2"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// The limits of what Host tells of one address.
const (
	maxLives       = 1000 // exposures: ports and vantages
	maxHostChanges = 500
	maxIntervals   = 1000     // of one exposure, the newest
	maxFinding     = 8 << 20  // bytes of JSON
	maxFindings    = 32 << 20 // the same, of all together; what is beyond is not told
)

// Host is all that is known of an address. ErrNotFound: nothing.
func (s *Store) Host(ctx context.Context, ip netip.Addr) (Host, error) {
	h := Host{IP: ip.Unmap().WithZone(""), Changes: []Change{}}
	err := s.view(ctx, "host", func(tx reading) error {
		ids, err := tx.numbers(ctx, "SELECT id FROM exposure INDEXED BY exposure_by_address WHERE ip = ? ORDER BY port, transport LIMIT ?",
			addressKey(h.IP), maxLives)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return fmt.Errorf("%w: %s", ErrNotFound, h.IP)
		}
		found, err := tx.exposuresByID(ctx, ids)
		if err != nil {
			return err
		}
		bodies := findings{known: map[int64]*exposure.Finding{}, left: maxFindings}
		for _, id := range ids {
			l := Life{Exposure: found[id]}
			if err := tx.lived(ctx, &l, &bodies); err != nil {
				return err
			}
			h.Exposures = append(h.Exposures, l)
		}
		slices.SortStableFunc(h.Exposures, worstFirst)
		h.Names = namesOf(h.Exposures)
		events, err := tx.eventRows(ctx, `SELECT `+eventColumns+` FROM json_each(?) j CROSS JOIN event ON event.exposure = j.value
			ORDER BY event.at DESC, event.id DESC LIMIT ?`, idList(ids), maxHostChanges)
		if err != nil {
			return err
		}
		h.Changes, err = tx.changes(ctx, events)
		return err
	})
	return h, err
}

// worstFirst puts what is open before what is not, and the worse before the rest.
func worstFirst(a, b Life) int {
	open := func(e Life) int {
		if e.Open {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(open(a), open(b)), cmp.Compare(rank(b.Severity), rank(a.Severity)), a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
}

func namesOf(lives []Life) (names []string) {
	for _, l := range lives {
		names = append(names, l.Names...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// findings are those of one host that were read. One serves several endpoints.
type findings struct {
	known map[int64]*exposure.Finding
	left  int // bytes of JSON
}

// lived adds the intervals of an exposure and the finding that shows it.
func (tx reading) lived(ctx context.Context, l *Life, bodies *findings) error {
	l.Intervals = []life.Interval{}
	err := tx.rows(ctx, "SELECT opened, fixed FROM interval WHERE exposure = ? ORDER BY opened DESC LIMIT ?", []any{l.ID, maxIntervals}, func(rows *sql.Rows) error {
		var opened int64
		var fixed sql.NullInt64
		err := rows.Scan(&opened, &fixed)
		l.Intervals = append(l.Intervals, life.Interval{Opened: moment(opened), Fixed: momentOrNil(fixed)})
		return err
	})
	if err != nil {
		return err
	}
	slices.Reverse(l.Intervals)
	var id int64
	var scan sql.NullString
	err = tx.QueryRowContext(ctx, `SELECT f.id, s.scan FROM exposure e JOIN finding f ON f.id = e.finding
		LEFT JOIN sweep s ON s.id = f.sweep WHERE e.id = ?`, l.ID).Scan(&id, &scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // it was not kept
	}
	if err != nil {
		return err
	}
	l.Evidence = scan.String
	l.Finding, err = tx.finding(ctx, id, bodies)
	return err
}

// finding reads one, or finds it among those that were read; nil: there is no
// room left for it.
func (tx reading) finding(ctx context.Context, id int64, bodies *findings) (*exposure.Finding, error) {
	if f, ok := bodies.known[id]; ok {
		return f, nil
	}
	var body []byte
	if err := tx.QueryRowContext(ctx, "SELECT body FROM finding WHERE id = ?", id).Scan(&body); err != nil {
		return nil, err
	}
	size, err := s2.DecodedLen(body)
	if err == nil && size <= maxFinding && size > bodies.left {
		return nil, nil
	}
	f := &exposure.Finding{}
	if err := unpackJSON(body, maxFinding, f); err != nil {
		return nil, fmt.Errorf("finding %d: %w", id, err)
	}
	bodies.known[id], bodies.left = f, bodies.left-size
	return f, err
}

// unpackJSON reads a column that holds JSON, packed (S2), of at most limit bytes.
func unpackJSON(packed []byte, limit int, into any) error {
	n, err := s2.DecodedLen(packed)
	if err != nil {
		return err
	}
	if n > limit {
		return fmt.Errorf("%d bytes, and at most %d are read", n, limit)
	}
	body, err := s2.Decode(nil, packed)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}
