package history

import (
	"database/sql"
	"errors"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// details are the rows of table detail that one step has to do with.
type details struct {
	w    *writing
	byID map[int64]*knownDetail
	ids  map[detailKey]int64
}

type knownDetail struct{ life.Detail }

// id is the row of a detail, made when there is none.
func (d *details) id(of life.Detail) (int64, error) {
	key := keyOf(of)
	if id, ok := d.ids[key]; ok {
		return id, nil
	}
	sum := detailDigest(of)
	var id int64
	err := d.w.ask("SELECT id FROM detail WHERE digest = ?", []any{sum}, &id)
	if errors.Is(err, sql.ErrNoRows) {
		var result sql.Result
		result, err = d.w.ExecContext(d.w.ctx, `INSERT INTO detail (digest, state, verdict, severity, auth, tls, service, product, version, partial, justified, owner)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			sum, string(of.State), string(of.Verdict), rank(of.Severity), string(of.Auth), of.TLS, of.Service, of.Product, of.Version, of.Partial, of.Justified, of.Owner)
		if err == nil {
			id, err = result.LastInsertId()
		}
	}
	if err != nil {
		return 0, err
	}
	d.ids[key], d.byID[id] = id, &knownDetail{of}
	return id, nil
}

// of is the detail of a row.
func (d *details) of(id int64) (life.Detail, error) {
	if known, ok := d.byID[id]; ok {
		return known.Detail, nil
	}
	var of life.Detail
	var state, verdict, auth string
	var severity int
	err := d.w.ask("SELECT state, verdict, severity, auth, tls, service, product, version, partial, justified, owner FROM detail WHERE id = ?", []any{id},
		&state, &verdict, &severity, &auth, &of.TLS, &of.Service, &of.Product, &of.Version, &of.Partial, &of.Justified, &of.Owner)
	if err != nil {
		return of, err
	}
	of.State, of.Verdict, of.Severity, of.Auth = exposure.State(state), exposure.Verdict(verdict), severityOf(severity), exposure.Auth(auth)
	d.byID[id], d.ids[keyOf(of)] = &knownDetail{of}, id
	return of, nil
}

// seen is a detail with its number.
func (d *details) seen(id int64, baf *float64) (life.Seen, error) {
	of, err := d.of(id)
	return life.Seen{Detail: of, BAF: baf}, err
}
