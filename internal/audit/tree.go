package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// Bounds of what is read. The files of a mounted image are as hostile as a
// reply from the network.
const (
	maxText    = 1 << 20
	maxBinary  = 32 << 20
	maxEntries = 10_000 // in one folder
	maxLinks   = 40     // as Linux: path_resolution(7)
	maxSpent   = 256 << 20
	perFile    = 4096 // what a file costs beside its bytes
	perName    = 64   // what a name in a folder costs
)

// tree reads the files below a root as a process would see them whose root
// that is: an absolute link starts there, and nothing leads out. os.Root holds
// to that even when somebody changes the tree meanwhile.
type tree struct {
	root  *os.Root
	seen  map[string]string // what became of each file, by name
	spent *int64            // on texts and folders, of maxSpent
}

func openTree(folder string) (*tree, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open root: %w", err)
	}
	return &tree{root: root, seen: map[string]string{}, spent: new(int64)}, nil
}

// aside is the same tree, that remembers for itself what became of its files.
func (t *tree) aside() *tree {
	return &tree{root: t.root, seen: map[string]string{}, spent: t.spent}
}

var errSpent = errors.New("its texts and folders together are larger than what is read of one system")

// spend keeps count of what is read over and over: each file has its bound, but
// there may be very many.
func (t *tree) spend(n int) error {
	if *t.spent += int64(n); *t.spent > maxSpent {
		return errSpent
	}
	return nil
}

func (t *tree) close() { t.root.Close() }

// text is the whole of a text file. A file that does not exist is an error
// that says so (fs.ErrNotExist).
func (t *tree) text(name string) (string, error) {
	b, err := t.read(name, maxText)
	if err == nil && bytes.IndexByte(b, 0) >= 0 {
		err = fmt.Errorf("read %s: it is no text", name)
	}
	if spent := t.spend(perFile + len(b)); spent != nil && err == nil {
		b, err = nil, fmt.Errorf("read %s: %w", name, spent)
	}
	t.note(name, err)
	return string(b), err
}

// note remembers what became of a file.
func (t *tree) note(name string, err error) {
	switch {
	case err == nil:
		t.seen[name] = "read"
	case errors.Is(err, fs.ErrNotExist):
		t.seen[name] = "absent"
	default:
		t.seen[name] = err.Error()
	}
}

func (t *tree) read(name string, most int64) ([]byte, error) {
	at, err := t.resolve(name)
	if err != nil {
		return nil, err
	}
	// Neither a FIFO nor a device is ever opened; should one take the file's
	// place just now, O_NONBLOCK keeps it from holding us up.
	if info, err := t.root.Lstat(at); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: %w", name, orIrregular(err))
	}
	f, err := t.root.OpenFile(at, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, bare(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: %w", name, orIrregular(err))
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, bare(err))
	case int64(len(b)) > most:
		return nil, fmt.Errorf("read %s: it is larger than %d bytes", name, most)
	}
	return b, nil
}

func orIrregular(err error) error {
	if err != nil {
		return bare(err)
	}
	return errors.New("it is no regular file")
}

// bare is the cause without the call and the path, which the caller names.
func bare(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// resolve follows the links of a path inside the tree.
func (t *tree) resolve(name string) (string, error) {
	at, rest, links := ".", parts(name), 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		if part == ".." {
			at = path.Dir(at) // of the root, that is the root
			continue
		}
		next := path.Join(at, part)
		info, err := t.root.Lstat(next)
		if err != nil {
			return "", fmt.Errorf("read %s: %w", name, bare(err))
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("read %s: too many links", name)
		}
		target, err := t.root.Readlink(next)
		if err != nil {
			return "", fmt.Errorf("read %s: %w", name, bare(err))
		}
		if strings.HasPrefix(target, "/") {
			at = "."
		}
		rest = append(parts(target), rest...)
	}
	return at, nil
}

func parts(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(s string) bool { return s == "" || s == "." })
}

// exists reports whether there is, or may be, something at name.
func (t *tree) exists(name string) bool {
	_, err := t.resolve(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// masked reports whether a unit file is one that says there is none: a link to
// /dev/null, or empty (systemd.unit(5)).
func (t *tree) masked(name string) bool {
	folder, err := t.resolve(path.Dir(name))
	if err != nil {
		return false
	}
	at := path.Join(folder, path.Base(name))
	if target, err := t.root.Readlink(at); err == nil {
		return path.Clean(target) == "/dev/null"
	}
	info, err := t.root.Lstat(at)
	return err == nil && info.Mode().IsRegular() && info.Size() == 0
}

// list is the names in a folder, in order; none when there is no such folder.
func (t *tree) list(folder string) ([]string, error) {
	at, err := t.resolve(folder)
	if err != nil {
		return nil, ignoreAbsent(err)
	}
	if info, err := t.root.Lstat(at); err != nil || !info.IsDir() {
		return nil, nil
	}
	f, err := t.root.Open(at)
	if err != nil {
		err = fmt.Errorf("list %s: %w", folder, bare(err))
		t.note(folder, err)
		return nil, ignoreAbsent(err)
	}
	defer f.Close()
	names, err := f.Readdirnames(maxEntries + 1)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("list %s: %w", folder, bare(err))
	case len(names) > maxEntries:
		return nil, fmt.Errorf("list %s: it holds more than %d names", folder, maxEntries)
	}
	if err := t.spend(perName * len(names)); err != nil {
		return nil, fmt.Errorf("list %s: %w", folder, err)
	}
	slices.Sort(names)
	return names, nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
