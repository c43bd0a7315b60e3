package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strconv"

	"github.com/memsweep/memsweep/exposure"
)

// maxStored bounds one line of a stored stream and one value of a stored
// document, in bytes. A plan may list many targets; nothing else is long.
const maxStored = 64 << 20

// StoredError says why a stored report cannot be read, and where.
type StoredError struct {
	Name  string // of the file
	Where string // "line 3", "byte 120"; "" for the whole
	Err   error
}

func (e *StoredError) Error() string {
	if e.Where == "" {
		return fmt.Sprintf("read report %s: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("read report %s: %s: %v", e.Name, e.Where, e.Err)
}

func (e *StoredError) Unwrap() error { return e.Err }

// Stored is a report read back. Its findings are read as they are asked for;
// only after the last of them is the summary known.
type Stored struct {
	Header   Header
	findings iter.Seq2[exposure.Finding, error]
	audit    *audit
	summary  *Summary
}

// Findings yields the findings in the order in which they are stored. It can
// be ranged over once, and ends after the first error.
func (s *Stored) Findings() iter.Seq2[exposure.Finding, error] {
	return func(yield func(exposure.Finding, error) bool) {
		for f, err := range s.findings {
			if !yield(f, err) || err != nil {
				return
			}
		}
		s.audit.close(s.summary)
	}
}

// Summary is how the sweep ended, once all findings were read. A stream that
// was cut off is Incomplete and names that as a problem, and so is a report
// whose findings and counts do not agree.
func (s *Stored) Summary() Summary { return *s.summary }

// Read opens a stored report of memsweep's own, JSON or JSONL, whichever it is,
// or Shadowserver's scan_memcached. Fields that are not known are passed over;
// errors are of type [*StoredError], with name as the name of the file.
func Read(r io.Reader, name string) (*Stored, error) { return ReadAs(r, name, exposure.Vantage{}) }

// ReadAs is Read for what other programs wrote too: nmap's XML and
// Shadowserver's CSV. These do not say from where they were made, so from does;
// it must be empty for a report of memsweep's own. What they list is judged for
// that vantage, and what they do not say is not known.
func ReadAs(r io.Reader, name string, from exposure.Vantage) (*Stored, error) {
	return read(r, name, maxStored, from)
}

func read(r io.Reader, name string, limit int, from exposure.Vantage) (*Stored, error) {
	lines := bufio.NewReaderSize(r, 1<<16)
	if bom, _ := lines.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		lines.Discard(len(bom)) // cannot fail: it was peeked
	}
	first, err := readLine(lines, limit)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errTooLong) {
		return nil, &StoredError{name, "", err}
	}
	if len(bytes.TrimSpace(first)) == 0 && err != nil {
		return nil, &StoredError{name, "", errors.New("it is empty")}
	}
	rest := io.MultiReader(bytes.NewReader(first), lines)
	switch {
	case looksLikeXML(first):
		return readNmap(rest, name, limit, from)
	case looksLikeShadowserver(first):
		return readShadowserver(rest, name, limit, from)
	case from.Name != "" || from.Trust != "":
		return nil, &StoredError{name, "", errOwnVantage}
	}
	var line struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(first, &line) == nil && line.Type != "" {
		return readStream(first, lines, name, limit)
	}
	return readDocument(rest, name, limit)
}

// Convert replays a report, read as ReadAs does, into w. An error that is not a
// [*StoredError] is w's. When the report cannot be read to its end, w gets no
// End, so what it wrote stays unfinished.
func Convert(r io.Reader, name string, from exposure.Vantage, w Writer) error {
	stored, err := ReadAs(r, name, from)
	if err != nil {
		return err
	}
	if err := w.Begin(stored.Header); err != nil {
		return err
	}
	for f, err := range stored.Findings() {
		if err != nil {
			return err
		}
		if err := w.Finding(f); err != nil {
			return err
		}
	}
	return w.End(stored.Summary())
}

var errTooLong = errors.New("a line or a value is too long")

// readLine returns the next line with its end, of at most about limit bytes:
// of a longer one it returns the beginning and errTooLong. The last line may
// come with io.EOF.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(line) < limit:
		case errors.Is(err, bufio.ErrBufferFull):
			return line, errTooLong
		default:
			return line, err
		}
	}
}

var schemaVersionPattern = regexp.MustCompile(`^(\d{1,6})\.(\d{1,6})$`)

// readable refuses what a newer major version wrote, in which names may have
// changed their meaning. A newer minor version only adds.
func readable(version string) error {
	m := schemaVersionPattern.FindStringSubmatch(version)
	if m == nil {
		return fmt.Errorf("schema_version %q is no version", exposure.Escape(version))
	}
	ours := schemaVersionPattern.FindStringSubmatch(SchemaVersion)
	if major, _ := strconv.Atoi(m[1]); strconv.Itoa(major) != ours[1] {
		return fmt.Errorf("schema_version %s cannot be read: this memsweep reads %s.x", version, ours[1])
	}
	return nil
}

// summaryOf is how a stored sweep ended.
func summaryOf(l summaryLine) Summary {
	s := Summary{Status: l.Status, RateAchieved: l.RateAchieved, Problems: l.Problems, Justified: l.Justified}
	if l.Finished != nil {
		s.Finished = *l.Finished
	}
	if l.Coverage != nil {
		s.Coverage = *l.Coverage
	}
	return s
}
