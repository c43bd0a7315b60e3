package raw

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Auto asks NewSender for the best sender that works here.
const Auto = "auto"

// errNoSender is where more privileges may help.
var errNoSender = errors.New("none works")

// senderKind is one way to send.
type senderKind struct {
	name string
	open func(Path, *Template) (Sender, error)
}

// NewSender opens a sender for frames of t on the interface of path. want is
// Auto, for the best that works, or the name of one, which then must work. With
// Auto, skipped says what was passed over and why.
func NewSender(path Path, t *Template, want string) (s Sender, skipped []string, err error) {
	return openSender(senderKinds(), path, t, want)
}

// checkSender refuses the name of a sender that there is not.
func checkSender(kinds []senderKind, want string) error {
	names := []string{Auto}
	for _, kind := range kinds {
		names = append(names, kind.name)
	}
	if len(kinds) == 0 || slices.Contains(names, want) {
		return nil
	}
	return fmt.Errorf("open sender %q: unknown: write one of %s", want, strings.Join(names, ", "))
}

func openSender(kinds []senderKind, path Path, t *Template, want string) (s Sender, skipped []string, err error) {
	if err := checkSender(kinds, want); err != nil {
		return nil, nil, err
	}
	for _, kind := range kinds {
		if want != Auto && want != kind.name {
			continue
		}
		s, err = kind.open(path, t)
		if err == nil {
			return s, skipped, nil
		}
		if want == kind.name {
			return nil, nil, fmt.Errorf("open sender %s: %w", kind.name, err)
		}
		skipped = append(skipped, fmt.Sprintf("%s: %v", kind.name, err))
	}
	if len(kinds) == 0 {
		return nil, nil, ErrUnsupported
	}
	return nil, skipped, fmt.Errorf("open sender: %w: %s", errNoSender, strings.Join(skipped, "; "))
}

// fill makes buffers the first of frames, and returns how many: fewer, when one
// is not of the template's address family.
func fill(t *Template, buffers [][]byte, frames []Frame) int {
	n := min(len(buffers), len(frames))
	for i := range n {
		if !t.Takes(frames[i]) {
			return i
		}
		t.put(buffers[i], &frames[i])
	}
	return n
}

// errForeign means that a frame cannot be made from the sender's template.
func errForeign(f Frame) error {
	return fmt.Errorf("send to %v: not of the template's address family", f.Dst)
}
