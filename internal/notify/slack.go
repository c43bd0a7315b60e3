package notify

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Slack's limits (docs.slack.dev/reference/block-kit/blocks), which allow 50
// blocks; a room wants fewer lines than fit.
const (
	slackHeader = 150  // characters
	slackBlock  = 3000 // characters
	slackText   = 3500 // characters of the text beside the blocks; Slack allows 4,000
	slackLine   = 600  // characters; ours, as is
	slackLines  = 40
)

type slackWords struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji *bool  `json:"emoji,omitempty"` // of plain text alone
}

type slackSection struct {
	Type string     `json:"type"`
	Text slackWords `json:"text"`
}

// slackBody writes plain_text blocks, in which nothing is a command, a link or a
// mention. The text beside them is for notifications, and for rooms that know no
// blocks (Mattermost): there, lines stand as code.
func slackBody(title string, lines []string, page string) ([]byte, error) {
	lines = fewer(lines, slackLines)
	no := false
	block := func(kind, text string) slackSection {
		return slackSection{kind, slackWords{Type: "plain_text", Text: text, Emoji: &no}}
	}
	blocks := []slackSection{block("header", clipTo(title, slackHeader-1))}
	section := ""
	for _, line := range lines {
		line = clipTo(line, slackLine)
		if section != "" && utf8.RuneCountInString(section)+1+utf8.RuneCountInString(line) > slackBlock {
			blocks, section = append(blocks, block("section", section)), ""
		}
		section = strings.TrimPrefix(section+"\n"+line, "\n")
	}
	if section != "" {
		blocks = append(blocks, block("section", section))
	}
	text := slackMarkup(title, lines)
	if page != "" { // the only link, and the owner's
		link := "<" + slackURL.Replace(page) + "|Open memsweep>"
		blocks, text = append(blocks, slackSection{"section", slackWords{Type: "mrkdwn", Text: link}}), text+"\n"+link
	}
	return json.Marshal(map[string]any{
		"text": text, "blocks": blocks, "mrkdwn": true,
		"parse": "none", "link_names": false, "unfurl_links": false, "unfurl_media": false,
	})
}

// entities are the characters that are commands to Slack
// (docs.slack.dev/messaging/formatting-message-text), and those of Mattermost:
// a mention, and what ends code.
var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@\u200b", "`", "'")

var slackURL = strings.NewReplacer("&", "&amp;", "<", "%3C", ">", "%3E", "|", "%7C")

func slackMarkup(title string, lines []string) string {
	text := entities.Replace(clipTo(title, slackHeader))
	for i, line := range lines {
		code := "\n`" + entities.Replace(clipTo(line, slackLine)) + "`"
		if utf8.RuneCountInString(text)+utf8.RuneCountInString(code) > slackText {
			return text + "\n" + andMore(len(lines)-i)
		}
		text += code
	}
	return text
}
