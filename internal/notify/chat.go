package notify

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/memsweep/memsweep/exposure"
)

// chat posts a message to a chat room's incoming webhook.
type chat struct {
	*post
	form    *form
	compose func(title string, lines []string, page string) ([]byte, error)
}

func openSlack(p *targetFile, t *Target) carrier {
	return &chat{post: p.post(t), form: p.template(t, nil), compose: slackBody}
}

func openTeams(p *targetFile, t *Target) carrier {
	return &chat{post: p.post(t), form: p.template(t, nil), compose: teamsBody}
}

func (c *chat) carry(ctx context.Context, m *Message) (string, error) {
	title, lines, err := spoken(c.form, m)
	if err != nil {
		return "", failuref(few, "template: %v", err)
	}
	body, err := c.compose(title, lines, m.Page)
	if err != nil {
		return "", failuref(few, "%v", err)
	}
	return c.send(ctx, body, http.Header{"Content-Type": {"application/json"}})
}

// spoken is a message for people: a title in our own words, and lines, of which
// servers may have chosen parts, escaped. Of the owner's form, the first line is
// the title.
func spoken(f *form, m *Message) (title string, lines []string, err error) {
	if f == nil {
		for i := range m.Events {
			lines = append(lines, m.Events[i].Text)
		}
		return m.Title, lines, nil
	}
	out, err := f.execute(m)
	if err != nil {
		return "", nil, err
	}
	text := strings.ReplaceAll(strings.TrimSpace(string(out)), "\r\n", "\n")
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, exposure.Escape(line))
	}
	return lines[0], lines[1:], nil
}

// fewer keeps the first lines, and says how many there were besides.
func fewer(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	return append(lines[:most:most], andMore(len(lines)-most))
}

func andMore(n int) string { return fmt.Sprintf("and %d more", n) }
