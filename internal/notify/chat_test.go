package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/history"
	"github.com/memsweep/memsweep/internal/notify"
)

// many are events of so many exposures, each with a long text.
func many(n int) (list []history.Event) {
	for len(list) < n {
		for _, e := range hostileEvents()[:len(evil)] {
			c := *e.Change
			c.ID, c.Exposure.ID = int64(len(list)+1), int64(len(list)+1)
			list = append(list, history.Event{ID: c.ID, Change: &c})
		}
	}
	return list[:n]
}

func said(t *testing.T, kind, more string, m *notify.Message) string {
	t.Helper()
	r := receive(t, nil)
	target := targets(t, fmt.Sprintf("- {name: chat, kind: %s, url_file: url%s}\n", kind, more), "url", r.URL+"/services/T000/B000/XXXXXXXX")[0]
	if _, err := target.Carry(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	return r.deliveries()[0].body
}

// texts lists every string in a JSON document under one of the keys.
func texts(t *testing.T, document string, keys ...string) (list []string) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for k, e := range v {
				for _, want := range keys {
					if s, ok := e.(string); ok && k == want {
						list = append(list, s)
					}
				}
				walk(e)
			}
		}
	}
	walk(v)
	return list
}

func TestSlackKeepsItsLimits(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 11, 45, 1000} {
		body := said(t, "slack", "", notify.Compose("msg_X", "chat", epoch, many(n), &notify.Filter{}))
		var slack struct {
			Text   string
			Blocks []struct {
				Type string
				Text struct{ Type, Text string }
			}
		}
		if err := json.Unmarshal([]byte(body), &slack); err != nil {
			t.Fatal(err)
		}
		if len(slack.Blocks) < 2 || len(slack.Blocks) > 50 || utf8.RuneCountInString(slack.Text) > 4000 {
			t.Errorf("%d blocks, and a text of %d", len(slack.Blocks), len(slack.Text))
		}
		lines := 0
		for i, b := range slack.Blocks {
			if size := utf8.RuneCountInString(b.Text.Text); b.Text.Type != "plain_text" || size == 0 || size > 3000 || i == 0 && (b.Type != "header" || size > 150) {
				t.Errorf("block %d: %s of %d characters", i, b.Text.Type, size)
			}
			if i > 0 {
				lines += 1 + strings.Count(b.Text.Text, "\n")
			}
		}
		last := slack.Blocks[len(slack.Blocks)-1].Text.Text
		if n <= 40 && lines != n || n > 40 && !strings.HasSuffix(last, fmt.Sprintf("\nand %d more", n-40)) {
			t.Errorf("%d lines of %d: %s", lines, n, last)
		}
		if n > 40 && !strings.HasSuffix(slack.Text, " more") {
			t.Error(slack.Text[max(0, len(slack.Text)-100):])
		}
	}
}

// TestSlackTextIsInert: what is not plain text is escaped, and stands as code.
func TestSlackTextIsInert(t *testing.T) {
	t.Parallel()
	body := said(t, "slack", "", hostileMessage())
	for _, text := range texts(t, body, "text") {
		if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\u200b' && exposure.Hidden(r) }) {
			t.Errorf("hidden characters: %q", text)
		}
	}
	var slack struct{ Text string }
	json.Unmarshal([]byte(body), &slack)
	title, rest, _ := strings.Cut(slack.Text, "\n")
	if strings.ContainsAny(title, "<>`@") || strings.ContainsAny(rest, "<>") || strings.Contains(rest, "@h") || strings.Contains(rest, "@c") {
		t.Errorf("%s\n%s", title, rest)
	}
	for line := range strings.SplitSeq(rest, "\n") {
		if strings.HasPrefix(line, "and ") {
			continue
		}
		if strings.Count(line, "`") != 2 || !strings.HasPrefix(line, "`") || !strings.HasSuffix(line, "`") {
			t.Errorf("not code: %s", line)
		}
	}
	if !strings.Contains(body, `"link_names":false`) {
		t.Error("names become links")
	}
}

func TestTeamsKeepsItsLimit(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 12, 1000} {
		body := said(t, "teams", "", notify.Compose("msg_X", "chat", epoch, many(n), &notify.Filter{}))
		if len(body) > 28<<10 {
			t.Errorf("%d bytes for %d events", len(body), n)
		}
		var teams struct {
			Type        string
			Attachments []struct {
				ContentType string
				Content     struct {
					Type, Version string
					Body          []struct {
						Type    string
						Inlines []struct{ Type, Text string }
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(body), &teams); err != nil {
			t.Fatal(err)
		}
		card := teams.Attachments[0].Content
		if teams.Type != "message" || teams.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" || card.Type != "AdaptiveCard" {
			t.Error(body[:200])
		}
		for _, e := range card.Body {
			if e.Type != "RichTextBlock" || len(e.Inlines) != 1 || e.Inlines[0].Type != "TextRun" || strings.ContainsFunc(e.Inlines[0].Text, exposure.Hidden) {
				t.Errorf("%+v", e)
			}
		}
		last := card.Body[len(card.Body)-1].Inlines[0].Text
		if n == 1000 && last != fmt.Sprintf("and %d more", n-(len(card.Body)-2)) || n < 1000 && len(card.Body) != n+1 {
			t.Errorf("%d elements for %d; the last is %q", len(card.Body), n, last)
		}
	}
}

// TestTheURLOfAChatIsASecret: it is in no error, list or log.
func TestTheURLOfAChatIsASecret(t *testing.T) {
	t.Parallel()
	const path = "/services/T0000/B0000/abcdefghijkl"
	for _, kind := range []string{"slack", "teams"} {
		target := targets(t, "- {name: chat, kind: "+kind+", url_file: url}\n", "url", "http://127.0.0.1:1"+path)[0]
		_, err := target.Carry(context.Background(), notify.Trial("chat"))
		if err == nil || strings.Contains(err.Error(), "abcdef") || strings.Contains(target.Where, "abcdef") || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%v, %s", err, target.Where)
		}
		for _, list := range []string{
			"- {name: chat, kind: " + kind + ", url: 'https://hooks.slack.com" + path + "'}\n",
			"- {name: chat, kind: " + kind + ", url_file: bad}\n",
		} {
			_, err := parse(t, list, "bad", "http://hooks.slack.com"+path)
			if err == nil || strings.Contains(err.Error(), "abcdef") || !strings.Contains(err.Error(), "memsweep.yaml:3: ") {
				t.Error(err)
			}
		}
	}
}

// TestThePageIsLinked: the only link is the owner's.
func TestThePageIsLinked(t *testing.T) {
	t.Parallel()
	const page = ", page: 'https://memsweep.example.net/?'"
	if _, err := parse(t, "- {name: chat, kind: slack, url_file: url"+page+"}\n", "url", "http://127.0.0.1:1/"); err == nil {
		t.Error("a page with a query was taken")
	}
	r := receive(t, nil)
	for _, kind := range []string{"slack", "teams", "webhook"} {
		more := ""
		if kind == "webhook" {
			more = ", secret_file: key"
		}
		target := targets(t, "- {name: chat, kind: "+kind+", url_file: url, page: 'https://memsweep.example.net/a&b/'"+more+"}\n", "url", r.URL)[0]
		if _, err := notify.Test(context.Background(), target, epoch); err != nil {
			t.Fatal(err)
		}
	}
	got := r.deliveries()
	if slack := texts(t, got[0].body, "text"); strings.Count(strings.Join(slack, "\n"), "<https://memsweep.example.net/a&amp;b|Open memsweep>") != 2 {
		t.Error(slack) // a block, and the text beside the blocks
	}
	if urls := texts(t, got[1].body, "url"); len(urls) != 1 || urls[0] != "https://memsweep.example.net/a&b" {
		t.Error(urls)
	}
	if links := texts(t, got[2].body, "link"); len(links) != 1 || links[0] != "https://memsweep.example.net/a&b/host/192.0.2.7" {
		t.Error(links)
	}
	fitsSchema(t, got[2].body)
}
