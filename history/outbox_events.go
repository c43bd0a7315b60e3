package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// eventsAfter lists what became known after an event, in order, at most limit.
func eventsAfter(ctx context.Context, q querier, after int64, limit int) ([]Event, error) {
	rows, err := q.QueryContext(ctx, eventQuery, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Event
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

const eventQuery = `SELECT ev.id, ev.at, ev.kind, ev.again, ev.severity, ev.was_baf, ev.now_baf, coalesce(s.scan, ''), coalesce(s.job, ''),
	x.id, x.ip, x.transport, x.port, x.names, v.name, v.trust, x.open, x.first_seen, x.last_seen, x.last_asked, x.since, x.fixed, x.misses, x.baf,
	d.state, d.verdict, d.severity, d.auth, d.tls, d.service, d.product, d.version, d.justified, d.owner,
	w.state, w.verdict, w.severity, w.auth, w.tls, w.service, w.product, w.version, w.justified, w.owner,
	n.state, n.verdict, n.severity, n.auth, n.tls, n.service, n.product, n.version, n.justified, n.owner,
	r.id, r.job, r.due, r.started, r.finished, r.outcome, r.scan, r.problem
	FROM event ev
	LEFT JOIN sweep s ON s.id = ev.sweep
	LEFT JOIN exposure x ON x.id = ev.exposure LEFT JOIN vantage v ON v.id = x.vantage LEFT JOIN detail d ON d.id = x.detail
	LEFT JOIN detail w ON w.id = ev.was LEFT JOIN detail n ON n.id = ev.now
	LEFT JOIN run r ON r.id = ev.run
	WHERE ev.id > ? ORDER BY ev.id LIMIT ?`

// detailRow is a row of detail that may not be there.
type detailRow struct {
	state, verdict, auth, service, product, version, owner sql.NullString
	severity                                               sql.NullInt64
	tls, justified                                         sql.NullBool
}

func (d *detailRow) fields() []any {
	return []any{&d.state, &d.verdict, &d.severity, &d.auth, &d.tls, &d.service, &d.product, &d.version, &d.justified, &d.owner}
}

// seen is nil when there is none.
func (d *detailRow) seen(baf *float64) *life.Seen {
	if !d.state.Valid {
		return nil
	}
	s := &life.Seen{BAF: baf, Detail: life.Detail{
		State: exposure.State(d.state.String), Verdict: exposure.Verdict(d.verdict.String), Severity: severityOfRank(d.severity),
		Auth: exposure.Auth(d.auth.String), TLS: d.tls.Bool, Service: d.service.String, Product: d.product.String,
		Justified: d.justified.Bool, Owner: d.owner.String,
	}}
	if d.version.Valid {
		s.Version = &d.version.String
	}
	return s
}

// severityOfRank: 1 is info, 5 critical.
func severityOfRank(rank sql.NullInt64) exposure.Severity {
	list := exposure.Severities()
	if i := len(list) - int(rank.Int64); rank.Valid && i >= 0 && i < len(list) {
		return list[i]
	}
	return ""
}

// eventRow is a row of eventQuery.
type eventRow struct {
	id, at                                                   int64
	kind, scan, sweepJob                                     string
	again                                                    bool
	severity                                                 sql.NullInt64
	wasBAF, nowBAF, baf                                      *float64
	exposure, port, first, last, asked, since, fixed, misses sql.NullInt64
	ip                                                       []byte
	transport, names, vantage, trust                         sql.NullString
	open                                                     sql.NullBool
	detail, was, now                                         detailRow
	run, due, started, finished                              sql.NullInt64
	job, outcome, runScan, problem                           sql.NullString
}

func scanEvent(rows *sql.Rows) (Event, error) {
	var r eventRow
	fields := []any{&r.id, &r.at, &r.kind, &r.again, &r.severity, &r.wasBAF, &r.nowBAF, &r.scan, &r.sweepJob,
		&r.exposure, &r.ip, &r.transport, &r.port, &r.names, &r.vantage, &r.trust, &r.open, &r.first, &r.last, &r.asked, &r.since, &r.fixed, &r.misses, &r.baf}
	for _, d := range []*detailRow{&r.detail, &r.was, &r.now} {
		fields = append(fields, d.fields()...)
	}
	fields = append(fields, &r.run, &r.job, &r.due, &r.started, &r.finished, &r.outcome, &r.runScan, &r.problem)
	if err := rows.Scan(fields...); err != nil {
		return Event{}, err
	}
	if r.run.Valid {
		return Event{ID: r.id, Run: &Run{
			ID: r.run.Int64, Job: r.job.String, Due: time.UnixMicro(r.due.Int64).UTC(), Started: outboxTime(r.started), Finished: outboxTime(r.finished),
			Outcome: Outcome(r.outcome.String), Scan: r.runScan.String, Problem: r.problem.String,
		}}, nil
	}
	return Event{ID: r.id, Change: r.change()}, nil
}

func (r *eventRow) change() *Change {
	c := &Change{ID: r.id, At: time.UnixMicro(r.at).UTC(), Kind: life.Kind(r.kind), Again: r.again, Scan: r.scan, Job: r.sweepJob, Severity: severityOfRank(r.severity)}
	c.Was, c.Now = r.was.seen(r.wasBAF), r.now.seen(r.nowBAF)
	x := &c.Exposure
	ip, _ := netip.AddrFromSlice(r.ip)
	x.ID, x.Endpoint = r.exposure.Int64, Endpoint{IP: ip.Unmap(), Transport: exposure.Transport(r.transport.String), Port: uint16(r.port.Int64)}
	json.Unmarshal([]byte(r.names.String), &x.Names) // not a list: no names
	x.Vantage = exposure.Vantage{Name: r.vantage.String, Trust: exposure.Trust(r.trust.String)}
	if seen := r.detail.seen(r.baf); seen != nil {
		x.Seen = *seen
	}
	x.Open, x.Misses, x.Fixed = r.open.Bool, int(r.misses.Int64), outboxTime(r.fixed)
	x.FirstSeen, x.LastSeen = time.UnixMicro(r.first.Int64).UTC(), time.UnixMicro(r.last.Int64).UTC()
	x.LastAsked, x.Since = time.UnixMicro(r.asked.Int64).UTC(), time.UnixMicro(r.since.Int64).UTC()
	return c
}
