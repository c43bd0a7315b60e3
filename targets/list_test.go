package targets

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func shown(entries []Entry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%s@%s ", e, e.Source)
	}
	return strings.TrimSpace(b.String())
}

func TestReadList(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":      {"", ""},
		"comments":   {"# all\n\n  # of it\n", ""},
		"lines":      {"10.0.0.1\n10.0.0.2\n", "10.0.0.1@l:1 10.0.0.2@l:2"},
		"no newline": {"10.0.0.1\n10.0.0.2", "10.0.0.1@l:1 10.0.0.2@l:2"},
		"several":    {"10.0.0.1 10.0.0.2,10.0.0.3\t, 10.0.0.4,\n", "10.0.0.1@l:1 10.0.0.2@l:1 10.0.0.3@l:1 10.0.0.4@l:1"},
		"comment":    {"10.0.0.1 # rack 4\n10.0.0.2#rack 5\n", "10.0.0.1@l:1 10.0.0.2@l:2"},
		"bom, crlf":  {"\ufeff10.0.0.1\r\ncache1\r\n", "10.0.0.1@l:1 cache1@l:2"},
	} {
		got, err := ReadList(strings.NewReader(c.text), "l")
		if err != nil || shown(got) != c.want {
			t.Errorf("%s: %s, %v, want %s", name, shown(got), err, c.want)
		}
		got, err = ReadList(iotest.OneByteReader(strings.NewReader(c.text)), "l")
		if err != nil || shown(got) != c.want {
			t.Errorf("%s, byte by byte: %s, %v, want %s", name, shown(got), err, c.want)
		}
	}
}

func TestReadListReportsEveryBadLine(t *testing.T) {
	_, err := ReadList(strings.NewReader("10.0.0.1\n10.0.0.5/8\n\n10.0.0.300 10.0.0.9-1\n"), "hosts.txt")
	want := `hosts.txt:2: target "10.0.0.5/8": host bits are set: write 10.0.0.0/8 for the network or 10.0.0.5 for the host
hosts.txt:4: target "10.0.0.300": not an IPv4 address: write four numbers from 0 to 255, as in 192.0.2.7
hosts.txt:4: target "10.0.0.9-1": reversed: write 10.0.0.1-10.0.0.9`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestReadListReportsAtMostTen(t *testing.T) {
	_, err := ReadList(strings.NewReader(strings.Repeat("a b;\n", 13)), "l")
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 11 || lines[10] != "and 3 more" || !strings.HasPrefix(lines[9], "l:10: ") {
		t.Errorf("%d lines:\n%v", len(lines), err)
	}
}

func TestReadListBoundsLines(t *testing.T) {
	fits := strings.Repeat(" ", maxLine-9) + "10.0.0.1\n"
	for name, text := range map[string]string{
		"newline":    fits + strings.Repeat("a", 3*maxLine) + "\nb;\n",
		"no newline": fits + "10.0.0.2\n" + strings.Repeat("a", 3*maxLine),
	} {
		_, err := ReadList(strings.NewReader(text), "l")
		if err == nil || !strings.Contains(err.Error(), ": longer than 4096 bytes: write one target a line") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := ReadList(strings.NewReader(fits+strings.Repeat("a", 3*maxLine)+"\nb;\n"), "l")
	want := "l:2: longer than 4096 bytes: write one target a line\n" +
		`l:3: target "b;": neither an address nor a host name, because of ';': write a name as in cache1.example.com`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestReadListBoundsEntries(t *testing.T) {
	endless := &repeated{line: strings.Repeat("10.0.0.1 ", 400) + "\n"}
	_, err := readLines(endless, "l", list{parse: Parse, limit: 1000})
	if err == nil || err.Error() != "l:3: more than 1000 entries: write neighbours as CIDRs" {
		t.Error(err)
	}
}

// repeated is an endless reader of one line.
type repeated struct {
	line string
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.line[r.at:])
	r.at = (r.at + n) % len(r.line)
	return n, nil
}

func TestReadListRefusesUTF16(t *testing.T) {
	for _, text := range []string{"\xff\xfe1\x000\x00", "\xfe\xff\x001\x000"} {
		if _, err := ReadList(strings.NewReader(text), "l"); err == nil || err.Error() != "l:1: UTF-16: save the file as UTF-8" {
			t.Error(err)
		}
	}
}

func TestReadListPassesReadErrorsOn(t *testing.T) {
	broken := errors.New("disk on fire")
	r := io.MultiReader(strings.NewReader("10.0.0.1\n10.0"), iotest.ErrReader(broken))
	if _, err := ReadList(r, "l"); !errors.Is(err, broken) || err.Error() != "read l:2: disk on fire" {
		t.Error(err)
	}
	r = io.MultiReader(strings.NewReader(strings.Repeat("a", 2*maxLine)), iotest.ErrReader(broken))
	if _, err := ReadList(r, "l"); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestReadExcludesTakesAnyWidth(t *testing.T) {
	got, err := ReadExcludes(strings.NewReader("224.0.0.0/4\n2001:db8::/32\n"), "x")
	if err != nil || shown(got) != "224.0.0.0/4@x:1 2001:db8::/32@x:2" {
		t.Errorf("%s, %v", shown(got), err)
	}
}

func TestArguments(t *testing.T) {
	got, err := Arguments([]string{"10.0.0.1,10.0.0.2", "cache1"})
	if err != nil || shown(got) != "10.0.0.1@argument 10.0.0.2@argument cache1@argument" {
		t.Errorf("%s, %v", shown(got), err)
	}
	_, err = Arguments([]string{"", "#x"})
	want := `argument: target "": empty: write a CIDR, an address, a range or a host name
argument: target "#x": neither an address nor a host name, because of '#': write a name as in cache1.example.com`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	_, err = ExcludeArguments([]string{"10.0.0.5/8"})
	if err == nil || !strings.HasPrefix(err.Error(), `--exclude: exclude "10.0.0.5/8": host bits`) {
		t.Error(err)
	}
}
