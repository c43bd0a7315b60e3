package history

import (
	"context"
	"database/sql"
	"time"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history/life"
)

// maxOwners, maxJobs and maxVantages bound what a page chooses among.
const (
	maxOwners   = 1000
	maxJobs     = 1000
	maxVantages = 1000
)

// changedWithin is how far Overview.Changed reaches back from the newest sweep.
const changedWithin = 24 * time.Hour

// newOverview asks the file.
func (s *Store) newOverview(ctx context.Context) (Overview, error) {
	o := Overview{
		Severities: map[exposure.Severity]int{}, Verdicts: map[exposure.Verdict]int{}, Changed: map[life.Kind]int{},
		Vantages: []VantageState{}, Jobs: []JobState{},
	}
	err := s.view(ctx, "overview", func(tx reading) error {
		var oldest sql.NullInt64
		if err := tx.QueryRowContext(ctx, "SELECT min(since) FROM exposure INDEXED BY exposure_by_age WHERE open = 1").Scan(&oldest); err != nil {
			return err
		}
		o.Oldest = momentOrNil(oldest)
		if err := tx.vantageStates(ctx, &o); err != nil {
			return err
		}
		if err := tx.jobStates(ctx, &o); err != nil {
			return err
		}
		return tx.changed(ctx, &o)
	})
	return o, err
}

// vantageStates fills in what is open, and what each vantage knows.
func (tx reading) vantageStates(ctx context.Context, o *Overview) error {
	vantages, ids, err := tx.vantages(ctx)
	if err != nil {
		return err
	}
	at := map[int64]int{}
	for i, v := range vantages {
		at[ids[i]] = i
		o.Vantages = append(o.Vantages, VantageState{Vantage: v, Severities: map[exposure.Severity]int{}})
	}
	err = tx.rows(ctx, `SELECT vantage, severity, verdict, count(*) FROM exposure INDEXED BY exposure_in_numbers
		WHERE open = 1 GROUP BY vantage, severity, verdict`, nil, func(rows *sql.Rows) error {
		var vantage int64
		var severity, n int
		var verdict string
		if err := rows.Scan(&vantage, &severity, &verdict, &n); err != nil {
			return err
		}
		s := severityOf(severity)
		o.Open += n
		o.Severities[s] += n
		o.Verdicts[exposure.Verdict(verdict)] += n
		if i, ok := at[vantage]; ok {
			o.Vantages[i].Open += n
			o.Vantages[i].Severities[s] += n
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range o.Vantages {
		v := &o.Vantages[i]
		if v.Last, err = tx.newestSweep(ctx, "", ids[i]); err != nil {
			return err
		}
		if v.Last != nil && v.Last.Status == exposure.Complete {
			v.Complete = v.Last
		} else if v.Complete, err = tx.newestSweep(ctx, "AND s.status = 'complete'", ids[i]); err != nil {
			return err
		}
	}
	return nil
}

func (tx reading) newestSweep(ctx context.Context, only string, vantage int64) (*Sweep, error) {
	rows, err := tx.sweeps(ctx, "INDEXED BY sweep_in_order WHERE s.vantage = ? "+only+" ORDER BY s.started DESC, s.scan DESC LIMIT 1", vantage)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0].Sweep, nil
}

// vantages lists them, most trusted first, then by name, with their row IDs.
func (tx reading) vantages(ctx context.Context) (list []exposure.Vantage, ids []int64, err error) {
	err = tx.rows(ctx, `SELECT id, name, trust FROM vantage
		ORDER BY CASE trust WHEN 'trusted' THEN 0 WHEN 'semi-trusted' THEN 1 ELSE 2 END, name LIMIT ?`, []any{maxVantages}, func(rows *sql.Rows) error {
		var id int64
		var name, trust string
		err := rows.Scan(&id, &name, &trust)
		list, ids = append(list, exposure.Vantage{Name: name, Trust: exposure.Trust(trust)}), append(ids, id)
		return err
	})
	return list, ids, err
}

// jobStates fills in what is known of each job.
func (tx reading) jobStates(ctx context.Context, o *Overview) error {
	jobs, err := tx.texts(ctx, `WITH RECURSIVE j(job) AS (SELECT min(job) FROM run UNION ALL
		SELECT (SELECT min(job) FROM run WHERE run.job > j.job) FROM j WHERE j.job IS NOT NULL)
		SELECT job FROM j WHERE job IS NOT NULL LIMIT ?`, maxJobs)
	if err != nil {
		return err
	}
	for _, job := range jobs {
		state := JobState{Job: job}
		for only, into := range map[string]**Run{"": &state.Last, "AND run.outcome = 'complete'": &state.Complete} {
			list, err := tx.runRows(ctx, "INDEXED BY run_in_order WHERE run.job = ? "+only+" ORDER BY run.due DESC LIMIT 1", job)
			if err != nil {
				return err
			}
			if len(list) > 0 {
				*into = &list[0]
			}
		}
		o.Jobs = append(o.Jobs, state)
	}
	return nil
}

// changed counts what changed lately.
func (tx reading) changed(ctx context.Context, o *Overview) error {
	var newest sql.NullInt64
	if err := tx.QueryRowContext(ctx, "SELECT max(started) FROM sweep INDEXED BY sweep_by_start").Scan(&newest); err != nil || !newest.Valid {
		return err
	}
	return tx.rows(ctx, `SELECT kind, count(*) FROM event INDEXED BY event_in_order WHERE at > ? AND exposure IS NOT NULL GROUP BY kind`,
		[]any{newest.Int64 - changedWithin.Microseconds()}, func(rows *sql.Rows) error {
			var kind string
			var n int
			err := rows.Scan(&kind, &n)
			o.Changed[life.Kind(kind)] = n
			return err
		})
}

// Owners lists who answers for open exposures, in order.
func (s *Store) Owners(ctx context.Context) (owners []string, err error) {
	err = s.view(ctx, "owners", func(tx reading) error {
		owners, err = tx.texts(ctx, `WITH RECURSIVE o(owner) AS (SELECT min(owner) FROM exposure INDEXED BY exposure_of_owner WHERE owner <> '' UNION ALL
			SELECT (SELECT min(owner) FROM exposure INDEXED BY exposure_of_owner WHERE owner > o.owner AND owner <> '') FROM o WHERE o.owner IS NOT NULL)
			SELECT owner FROM o WHERE owner IS NOT NULL
			AND EXISTS (SELECT 1 FROM exposure e INDEXED BY exposure_of_owner WHERE e.owner = o.owner AND e.owner <> '' AND e.open = 1) LIMIT ?`, maxOwners)
		return err
	})
	return owners, err
}
