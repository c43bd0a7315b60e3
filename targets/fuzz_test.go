package targets

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// wantPrintable checks that an error is safe to show on a terminal.
func wantPrintable(t *testing.T, err error) {
	t.Helper()
	for _, line := range strings.Split(errorText(err), "\n") {
		if line == "" && err != nil || strings.ContainsFunc(line, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Fatalf("error with an empty line or unprintable characters: %q", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for text := range badForms {
		f.Add(text)
	}
	for _, text := range []string{"10.0.0.0/8", "10.0.0.1-20", "2001:db8::1-2001:db8::20", "::ffff:10.0.0.0/104", "cache1.example.com", "224.0.0.1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := ParseExclude(text)
		wantPrintable(t, err)
		target, errTarget := Parse(text)
		wantPrintable(t, errTarget)
		if errTarget == nil && (err != nil || target != spec) {
			t.Fatalf("target %v, exclude %v: %v", target, spec, err)
		}
		if err != nil {
			return
		}
		if again, err := ParseExclude(spec.String()); err != nil || again != spec {
			t.Fatalf("%q is %v, which parses to %v, %v", text, spec, again, err)
		}
		if (spec.Host == "") != spec.Range.IsValid() {
			t.Fatalf("%q is %+v", text, spec)
		}
		if errTarget == nil && spec.Host == "" && rangeLen(spec.Range) > 1<<32 {
			t.Fatalf("%q is a target of %d addresses", text, rangeLen(spec.Range))
		}
	})
}

func FuzzReadList(f *testing.F) {
	f.Add([]byte("\ufeff10.0.0.1 # a\r\n10.0.0.5/8\ncache1,10.0.0.0/24\n"))
	f.Add([]byte("\xff\xfe1\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := ReadList(bytes.NewReader(data), "l")
		wantPrintable(t, err)
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, e := range entries {
			if e.Source.Line < 1 || e.Source.Line > lines {
				t.Fatalf("%v of %d lines", e.Source, lines)
			}
			if again, err := Parse(e.String()); err != nil || again != e.Spec {
				t.Fatalf("%v parses to %v, %v", e, again, err)
			}
		}
	})
}

func FuzzScope(f *testing.F) {
	f.Add([]byte(goodScope))
	f.Add([]byte("allow: &a [*a]\n"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Add([]byte("allow: [198.51.100.7/24]\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseScope(data, "s")
		wantPrintable(t, err)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "s:") {
				t.Fatalf("error without file: %v", err)
			}
			return
		}
		if s.Allow.Len() == 0 || s.AuthorisedBy == "" || s.ValidUntil.IsZero() {
			t.Fatalf("incomplete: %+v", s)
		}
		for _, r := range s.Deny.Ranges() {
			if s.Allows(r.From()) || s.Allows(r.To()) {
				t.Fatalf("allows what it denies: %v", r)
			}
		}
	})
}

func FuzzOrder(f *testing.F) {
	f.Add(uint64(0), uint64(0), uint64(1))
	f.Add(uint64(3), uint64(1), uint64(2))
	f.Add(uint64(1)<<62, uint64(7), uint64(9))
	f.Fuzz(func(t *testing.T, n, seed, pos uint64) {
		o := NewOrder(n, seed)
		if n == 0 {
			return
		}
		// A window of positions, anywhere: all below n and all different.
		window := min(n, 64)
		first := min(pos%n, n-window)
		var seen []uint64
		for k := range window {
			x := o.At(first + k)
			if x >= n || slices.Contains(seen, x) {
				t.Fatalf("NewOrder(%d, %d).At(%d) = %d, out of range or twice", n, seed, first+k, x)
			}
			seen = append(seen, x)
		}
	})
}
