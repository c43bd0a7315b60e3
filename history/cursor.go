package history

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// ErrCursor says that Page.After is not what the same list gave as next.
var ErrCursor = errors.New("this is not a cursor that the same list gave: begin again without one")

// The limits of a Page.
const (
	defaultLimit = 100
	MaxLimit     = 1000 // rows of a page, at most
)

// cursorVersion changes when the order of a list does.
const cursorVersion = 1

// maxCursor bounds what is read at all: two bytes and three numbers, in base64.
const maxCursor = (2 + 3*binary.MaxVarintLen64 + 2) / 3 * 4

// place is where a list was left: three numbers whose meaning is the list's own.
type place [3]int64

// limit is how many rows the page may have.
func (p Page) limit() int {
	if p.Limit <= 0 {
		return defaultLimit
	}
	return min(p.Limit, MaxLimit)
}

// after is where the page before ended; nil: there is none. Each list has a
// letter of its own, so that its cursors fit nowhere else.
func (p Page) after(list byte) (*place, error) {
	if p.After == "" {
		return nil, nil
	}
	if len(p.After) > maxCursor {
		return nil, ErrCursor
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(p.After)
	if err != nil || len(b) < 2 || b[0] != cursorVersion || b[1] != list {
		return nil, ErrCursor
	}
	b = b[2:]
	var at place
	for i := range at {
		v, n := binary.Varint(b)
		if n <= 0 {
			return nil, ErrCursor
		}
		at[i], b = v, b[n:]
	}
	if len(b) > 0 {
		return nil, ErrCursor
	}
	return &at, nil
}

// cursor is the reverse of after.
func (at place) cursor(list byte) string {
	b := []byte{cursorVersion, list}
	for _, v := range at {
		b = binary.AppendVarint(b, v)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}
