package history

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
)

// Enqueue gives a target's next events, at most limit, to compose, and puts what
// it makes of them into the outbox as one message. That, and that they are told,
// becomes true in one step: none is lost and none is in two messages. A target
// that is not known yet begins with what comes after now. What compose makes nil
// of is told without a message. It returns how many events were taken; 0: there
// are none.
//
// compose runs while the history is locked for writing, and must not ask it.
func (s *Store) Enqueue(ctx context.Context, target string, limit int, now time.Time, compose func(message string, events []Event) ([]byte, error)) (int, error) {
	taken, err := s.enqueue(ctx, target, limit, now, compose)
	if err != nil {
		return 0, fmt.Errorf("enqueue for %s: %w", target, err)
	}
	return taken, nil
}

func (s *Store) enqueue(ctx context.Context, target string, limit int, now time.Time, compose func(string, []Event) ([]byte, error)) (int, error) {
	tx, err := s.beginOutbox(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() // without effect after Commit
	last, known, err := told(ctx, tx, target)
	if err != nil {
		return 0, err
	}
	if !known {
		if err := welcome(ctx, tx, target); err != nil {
			return 0, err
		}
		return 0, tx.Commit()
	}
	events, err := reading{tx}.eventsAfter(ctx, last, limit)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	// Random, and kept before anything is sent: the same at each attempt. One
	// made of the events' IDs would come again, for other events, once the
	// history was restored from a copy.
	message := "msg_" + rand.Text()
	payload, err := compose(message, events)
	if err != nil {
		return 0, err
	}
	if payload != nil {
		_, err := tx.ExecContext(ctx, "INSERT INTO outbox (message, target, created, payload, next) VALUES (?, ?, ?, ?, ?)",
			message, target, micros(now), payload, micros(now))
		if err != nil {
			return 0, err
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE told SET event = ? WHERE target = ?", events[len(events)-1].ID, target); err != nil {
		return 0, err
	}
	return len(events), tx.Commit()
}

func (s *Store) beginOutbox(ctx context.Context) (*sql.Tx, error) {
	if s.write == nil {
		return nil, errors.New("it was opened to be read only")
	}
	return s.begin(ctx, s.write, nil)
}

// told says which event a target was told last. One that is not known was told
// nothing, and is not owed what was there before it.
func told(ctx context.Context, tx *sql.Tx, target string) (last int64, known bool, err error) {
	err = tx.QueryRowContext(ctx, "SELECT event FROM told WHERE target = ?", target).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return last, err == nil, err
}

// welcome begins a target with what comes next. The table that AUTOINCREMENT
// keeps knows the last ID even when its event was pruned.
func welcome(ctx context.Context, tx *sql.Tx, target string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO told (target, event) VALUES (?, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0))", target)
	return err
}

// Pending lists the events that a target was not told yet, in order, at most
// limit; known is false for a target that Enqueue never saw. It takes nothing.
func (s *Store) Pending(ctx context.Context, target string, limit int) (events []Event, known bool, err error) {
	err = s.view(ctx, "pending for "+target, func(tx reading) error {
		last, is, err := told(ctx, tx.Tx, target)
		if err == nil && is {
			events, err = tx.eventsAfter(ctx, last, limit)
		}
		known = is
		return err
	})
	return events, known, err
}

const messageColumns = "SELECT id, message, target, created, payload, attempts, next, sent, problem FROM outbox o "

// Due lists messages whose time has come, the oldest first, at most limit. A
// target gets its messages in order: what is behind one that waits for its next
// attempt is not due.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]Message, error) {
	return s.messages(ctx, "list what is due", messageColumns+`INDEXED BY outbox_due WHERE next <= ?
		AND NOT EXISTS (SELECT 1 FROM outbox INDEXED BY outbox_due WHERE next > ? AND target = o.target AND id < o.id)
		ORDER BY id LIMIT ?`, micros(now), micros(now), limit)
}

// Next is the oldest message of a target that is neither sent nor given up.
// ErrNotFound: there is none.
func (s *Store) Next(ctx context.Context, target string) (Message, error) {
	list, err := s.messages(ctx, "find the next message", messageColumns+"INDEXED BY outbox_due WHERE next IS NOT NULL AND target = ? ORDER BY id LIMIT 1", target)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Message{}, err
	}
	return list[0], nil
}

// Waiting is how many messages to a target are neither sent nor given up.
func (s *Store) Waiting(ctx context.Context, target string) (n int, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT count(*) FROM outbox INDEXED BY outbox_due WHERE next IS NOT NULL AND target = ?", target).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count what waits for %s: %w", target, err)
	}
	return n, nil
}

// Delivered notes that a message arrived.
func (s *Store) Delivered(ctx context.Context, message string, now time.Time) error {
	return s.settle(ctx, message, "UPDATE outbox SET attempts = attempts + 1, next = NULL, sent = ?, problem = '' WHERE message = ? AND sent IS NULL", micros(now), message)
}

// Undelivered notes that an attempt failed, and when to try again; the zero
// time: never, it is given up.
func (s *Store) Undelivered(ctx context.Context, message string, next time.Time, problem string) error {
	at := sql.NullInt64{Int64: micros(next), Valid: !next.IsZero()}
	return s.settle(ctx, message, "UPDATE outbox SET attempts = attempts + 1, next = ?, problem = ? WHERE message = ? AND sent IS NULL", at, problem, message)
}

// Retry has a message that waits, or was given up, tried again now.
// ErrNotFound: there is none of that name, or it was sent.
func (s *Store) Retry(ctx context.Context, message string, now time.Time) error {
	return s.settle(ctx, message, "UPDATE outbox SET next = ? WHERE message = ? AND sent IS NULL", micros(now), message)
}

// settle changes one message that is not sent.
func (s *Store) settle(ctx context.Context, message, change string, args ...any) error {
	tx, err := s.beginOutbox(ctx)
	if err != nil {
		return fmt.Errorf("message %s: %w", message, err)
	}
	defer tx.Rollback() // without effect after Commit
	result, err := tx.ExecContext(ctx, change, args...)
	if err != nil {
		return fmt.Errorf("message %s: %w", message, err)
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return fmt.Errorf("message %s: %w, or it was sent already", message, ErrNotFound)
	}
	return tx.Commit()
}

// listMessages marks the cursors of Messages.
const listMessages = 'm'

// Messages lists the newest messages, of one target, "": of all.
func (s *Store) Messages(ctx context.Context, target string, p Page) (list []Message, next string, err error) {
	after, err := p.after(listMessages)
	if err != nil {
		return nil, "", fmt.Errorf("list messages: %w", err)
	}
	if after == nil {
		after = &place{math.MaxInt64}
	}
	limit := p.limit()
	rows, err := s.read.QueryContext(ctx, messageColumns+"WHERE id < ? AND (? = '' OR target = ?) ORDER BY id DESC LIMIT ?", after[0], target, target, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list messages: %w", err)
	}
	list, ids, err := scanMessages(rows)
	if err != nil {
		return nil, "", fmt.Errorf("list messages: %w", err)
	}
	if len(list) > limit {
		list, next = list[:limit], place{ids[limit-1]}.cursor(listMessages)
	}
	return list, next, nil
}

func (s *Store) messages(ctx context.Context, operation, query string, args ...any) ([]Message, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	list, _, err := scanMessages(rows)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	return list, nil
}

func scanMessages(rows *sql.Rows) (list []Message, ids []int64, err error) {
	defer rows.Close()
	for rows.Next() {
		var m Message
		var id, created int64
		var payload []byte
		var next, sent sql.NullInt64
		if err := rows.Scan(&id, &m.ID, &m.Target, &created, &payload, &m.Attempts, &next, &sent, &m.Problem); err != nil {
			return nil, nil, err
		}
		m.Created, m.Payload = moment(created), payload
		m.Next, m.Sent = momentOrNil(next), momentOrNil(sent)
		list, ids = append(list, m), append(ids, id)
	}
	return list, ids, rows.Err()
}
