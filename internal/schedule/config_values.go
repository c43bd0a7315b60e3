package schedule

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones, also where the system has none: a container, say

	"go.yaml.in/yaml/v3"

	"github.com/memsweep/memsweep/internal/handwritten"
)

// unknown refuses a key that means nothing, and names the one that was probably
// meant. Secrets have a word of their own.
func (c *configFile) unknown(key *yaml.Node, known []string) {
	if slices.Contains([]string{"token", "password", "secret", "passphrase"}, key.Value) {
		c.Refuse(key, "%s: a secret does not belong into this file: write it into a file that only memsweep may read, and name that (token_file)", key.Value)
		return
	}
	best, distance := "", 3
	for _, k := range known {
		if d := editDistance(strings.ToLower(key.Value), k); d < distance && d < len(k) {
			best, distance = k, d
		}
	}
	if best != "" {
		c.Refuse(key, "unknown key %s: did you mean %s? There is %s", handwritten.Quote(key.Value), best, strings.Join(known, ", "))
		return
	}
	c.Unknown(key, known)
}

// editDistance counts the letters to insert, drop or replace (Levenshtein).
func editDistance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above+1, row[j]+1, diagonal+cost)
			diagonal = above
		}
	}
	return row[len(b)]
}

func (c *configFile) isMapping(key, value *yaml.Node, form string) bool {
	if value.Kind == yaml.MappingNode {
		return true
	}
	c.Refuse(key, "%s: write what belongs to it below, indented, as `%s`", key.Value, form)
	return false
}

// scalar is the text of a value that must be there.
func (c *configFile) scalar(key, value *yaml.Node, form string) (string, bool) {
	text := strings.TrimSpace(value.Value)
	if value.Kind != yaml.ScalarNode || handwritten.IsNull(value) || text == "" {
		c.Refuse(key, "%s has no value: write one, as `%s: %s`", key.Value, key.Value, form)
		return "", false
	}
	return text, true
}

// word is a short text.
func (c *configFile) word(key, value *yaml.Node) string {
	if _, ok := c.scalar(key, value, "a-name"); !ok {
		return ""
	}
	return c.Text(key, value)
}

func (c *configFile) oneOf(key, value *yaml.Node, words ...string) string {
	text, ok := c.scalar(key, value, words[0])
	if ok && !slices.Contains(words, text) {
		c.Refuse(key, "%s %s: write one of %s", key.Value, handwritten.Quote(text), strings.Join(words, ", "))
	}
	return text
}

func (c *configFile) boolean(key, value *yaml.Node) bool {
	return c.oneOf(key, value, "true", "false") == "true"
}

func (c *configFile) whole(key, value *yaml.Node, low, high uint64) uint64 {
	text, ok := c.scalar(key, value, strconv.FormatUint(low, 10))
	if !ok {
		return low
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < low || n > high {
		c.Refuse(key, "%s %s: write a whole number from %d to %d", key.Value, handwritten.Quote(text), low, high)
		return low
	}
	return n
}

func (c *configFile) number(key, value *yaml.Node, low, high float64) float64 {
	text, ok := c.scalar(key, value, fmt.Sprint(low))
	if !ok {
		return low
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= low && n <= high) {
		c.Refuse(key, "%s %s: write a number from %v to %v", key.Value, handwritten.Quote(text), low, strconv.FormatFloat(high, 'f', -1, 64))
		return low
	}
	return n
}

func (c *configFile) duration(key, value *yaml.Node, low, high time.Duration, form string) time.Duration {
	text, ok := c.scalar(key, value, form)
	if !ok {
		return low
	}
	d, err := parseDuration(text)
	if err != nil || d < low || d > high {
		c.Refuse(key, "%s %s: write a time from %s to %s, as %s", key.Value, handwritten.Quote(text), brief(low), brief(high), form)
		return low
	}
	return d
}

// parseDuration reads what time.ParseDuration reads, and days and weeks: 90m, 1h30m,
// 7d, 2w. A day is 24 hours.
func parseDuration(text string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseUint(number, 10, 16)
			return time.Duration(n) * unit, err
		}
	}
	return time.ParseDuration(text)
}

// brief writes a duration without what is zero: 24h, not 24h0m0s.
func brief(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (c *configFile) location(key, value *yaml.Node) *time.Location {
	text, ok := c.scalar(key, value, "Europe/Berlin")
	if !ok {
		return time.UTC
	}
	// "Local" would be another time on another machine.
	zone, err := time.LoadLocation(text)
	if err != nil || text == "Local" {
		c.Refuse(key, "%s %s: write a name of the time zone database, as Europe/Berlin or UTC", key.Value, handwritten.Quote(text))
		return time.UTC
	}
	return zone
}

// items are the members of a list of texts; a single text is a list of one.
func (c *configFile) items(key, value *yaml.Node, form string) []*yaml.Node {
	if value.Kind == yaml.ScalarNode && !handwritten.IsNull(value) {
		return []*yaml.Node{value}
	}
	if value.Kind != yaml.SequenceNode || len(value.Content) == 0 {
		c.Refuse(key, "%s is empty: write a list, as `%s: [%s]`", key.Value, key.Value, form)
		return nil
	}
	var list []*yaml.Node
	for _, item := range value.Content {
		if item.Kind != yaml.ScalarNode || strings.TrimSpace(item.Value) == "" {
			c.Refuse(item, "%s: not text: write for example %s", key.Value, form)
			continue
		}
		list = append(list, item)
	}
	return list
}

// listen is an address and a port, and whether only this machine can reach it.
func (c *configFile) listen(key, value *yaml.Node) (text string, loopback bool) {
	text, ok := c.scalar(key, value, "127.0.0.1:8411")
	if !ok {
		return "127.0.0.1:0", true
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		c.Refuse(key, "%s %s: write an address and a port, as 127.0.0.1:8411 or \"[::1]:8411\"", key.Value, handwritten.Quote(text))
		return text, true
	}
	return text, at.Addr().Unmap().IsLoopback()
}

// file is a file that must be there.
func (c *configFile) file(key, value *yaml.Node) string {
	text, ok := c.scalar(key, value, "a-file")
	if !ok {
		return ""
	}
	path := c.path(text)
	c.named = append(c.named, path)
	if info, err := os.Stat(path); err != nil {
		c.Refuse(key, "%s: %v: write the name of a file that is there (names are relative to %s)", key.Value, err, filepath.Dir(c.Path))
	} else if !info.Mode().IsRegular() {
		c.Refuse(key, "%s: %s is no file", key.Value, handwritten.Quote(path))
	}
	return path
}

// secretFile is a file that must be there, and be nobody else's to read.
func (c *configFile) secretFile(key, value *yaml.Node) string {
	path := c.file(key, value)
	if handwritten.IsPublic(path) {
		c.Refuse(key, "%s: everybody may read %s: chmod 600 it", key.Value, handwritten.Quote(path))
	}
	return path
}

// historyFile is a file that is there or can be made. A link is followed, for the
// locks are beside the file: by whatever name, it is one.
func (c *configFile) historyFile(key, value *yaml.Node) string {
	text, ok := c.scalar(key, value, "memsweep.db")
	if !ok {
		return ""
	}
	path := followed(c.path(text))
	switch info, err := os.Stat(path); {
	case err == nil && !info.Mode().IsRegular():
		c.Refuse(key, "history: %s is no file", handwritten.Quote(path))
	case err == nil:
		if f, err := os.OpenFile(path, os.O_RDWR, 0); err != nil {
			c.Refuse(key, "history: %v: it must be there to write to", err)
		} else {
			f.Close()
		}
	case errors.Is(err, fs.ErrNotExist):
		c.folder(key, path)
	default:
		c.Refuse(key, "history: %v", err)
	}
	return path
}

// followed is what a path that is a link leads to in the end.
func followed(path string) string {
	for range 40 { // as many as Linux follows
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return path
}

// folder refuses a file that cannot be made where it is to be.
func (c *configFile) folder(key *yaml.Node, path string) {
	probe, err := os.CreateTemp(filepath.Dir(path), ".memsweep-check-*")
	if c.reading.Only && errors.Is(err, fs.ErrNotExist) {
		c.config.Warnings = append(c.config.Warnings, fmt.Sprintf("%s: there is no folder %s: it must be there when memsweep runs", key.Value, handwritten.Quote(filepath.Dir(path))))
		return
	}
	if err != nil {
		c.Refuse(key, "%s: nothing can be written to %s: %v", key.Value, handwritten.Quote(filepath.Dir(path)), unwrapped(err))
		return
	}
	probe.Close()
	os.Remove(probe.Name())
}

// unwrapped is an error of a file without the file's name, which was made up.
func unwrapped(err error) error {
	if p, ok := err.(*os.PathError); ok {
		return p.Err
	}
	return err
}
