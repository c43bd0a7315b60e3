package history

import (
	"context"
	"time"
)

// Enqueue gives a target's next events, at most limit, to compose, and puts what
// it makes of them into the outbox as one message. That, and that they are told,
// becomes true in one step: none is lost and none is in two messages. A target
// that is not known yet begins with what comes after now. What compose makes nil
// of is told without a message. It returns how many events were taken; 0: there
// are none.
func (s *Store) Enqueue(ctx context.Context, target string, limit int, now time.Time, compose func(message string, events []Event) ([]byte, error)) (int, error) {
	return 0, errUnbuilt
}

// Due lists messages whose time has come, the oldest first, at most limit.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]Message, error) {
	return nil, errUnbuilt
}

// Delivered notes that a message arrived.
func (s *Store) Delivered(ctx context.Context, message string, now time.Time) error {
	return errUnbuilt
}

// Undelivered notes that an attempt failed, and when to try again; the zero
// time: never, it is given up.
func (s *Store) Undelivered(ctx context.Context, message string, next time.Time, problem string) error {
	return errUnbuilt
}

// Messages lists the newest messages, of one target, "": of all.
func (s *Store) Messages(ctx context.Context, target string, p Page) (list []Message, next string, err error) {
	return nil, "", errUnbuilt
}
