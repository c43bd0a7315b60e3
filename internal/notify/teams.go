package notify

import (
	"encoding/json"
)

// teamsMost is what Teams takes of a message from a webhook, 28 KB
// (learn.microsoft.com/microsoftteams/platform: incoming webhooks), with room
// for what is around the lines.
const (
	teamsMost = 26 << 10 // bytes
	teamsLine = 600      // characters
)

// teamsBody writes an Adaptive Card, as the workflow "post to a channel when a
// webhook request is received" takes it. Text runs know no Markdown, no HTML, no
// link and no mention.
func teamsBody(title string, lines []string, page string) ([]byte, error) {
	run := func(text string, more map[string]any) map[string]any {
		inline := map[string]any{"type": "TextRun", "text": text}
		for k, v := range more {
			inline[k] = v
		}
		return map[string]any{"type": "RichTextBlock", "inlines": []any{inline}}
	}
	body := []any{run(clipTo(title, teamsLine), map[string]any{"weight": "Bolder", "size": "Medium"})}
	size := 0
	for i, line := range lines {
		element := run(clipTo(line, teamsLine), nil)
		data, err := json.Marshal(element)
		if err != nil {
			return nil, err
		}
		if size += len(data) + 1; size > teamsMost {
			body = append(body, run(andMore(len(lines)-i), nil))
			break
		}
		body = append(body, element)
	}
	var actions []any
	if page != "" {
		actions = append(actions, map[string]any{"type": "Action.OpenUrl", "title": "Open memsweep", "url": page})
	}
	return json.Marshal(map[string]any{
		"type": "message",
		"attachments": []any{map[string]any{
			"contentType": "application/vnd.microsoft.card.adaptive",
			"contentUrl":  nil,
			"content": map[string]any{
				"$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
				"type":    "AdaptiveCard", "version": "1.4", "body": body, "actions": actions,
				"msteams": map[string]any{"width": "Full"},
			},
		}},
	})
}
