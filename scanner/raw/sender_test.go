package raw

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// namedSender is a sender that only has a name.
type namedSender struct {
	Sender
	name string
}

func (s namedSender) Name() string { return s.name }

func TestOpenSender(t *testing.T) {
	works := func(name string) senderKind {
		return senderKind{name, func(Path, *Template) (Sender, error) { return namedSender{name: name}, nil }}
	}
	fails := func(name string) senderKind {
		return senderKind{name, func(Path, *Template) (Sender, error) { return nil, errors.New("not today") }}
	}
	for _, c := range []struct {
		kinds   []senderKind
		want    string
		name    string
		skipped []string
		err     string
	}{
		{kinds: []senderKind{works("a"), works("b")}, want: Auto, name: "a"},
		{kinds: []senderKind{works("a"), works("b")}, want: "b", name: "b"},
		{kinds: []senderKind{fails("a"), works("b")}, want: Auto, name: "b", skipped: []string{"a: not today"}},
		{kinds: []senderKind{fails("a"), works("b")}, want: "a", err: "open sender a: not today"},
		{kinds: []senderKind{fails("a"), fails("b")}, want: Auto, skipped: []string{"a: not today", "b: not today"},
			err: "open sender: none works: a: not today; b: not today"},
		{kinds: []senderKind{works("a")}, want: "c", err: `open sender "c": unknown: write one of auto, a`},
		{want: Auto, err: "use --engine socket"},
	} {
		s, skipped, err := openSender(c.kinds, Path{}, nil, c.want)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: got error %v, want %q", c.want, err, c.err)
			}
		} else if err != nil || s.Name() != c.name {
			t.Errorf("%s: got %v, %v, want %s", c.want, s, err, c.name)
		}
		if !slices.Equal(skipped, c.skipped) {
			t.Errorf("%s: skipped %q, want %q", c.want, skipped, c.skipped)
		}
	}
}
