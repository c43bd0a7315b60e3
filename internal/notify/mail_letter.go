package notify

import (
	_ "embed"
	"html/template"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/memsweep/memsweep/exposure"
)

//go:embed letter.html
var letterSource string

var letterPage = template.Must(template.New("letter").Parse(letterSource))

// mailLines is how many lines a mail has at most; ours.
const mailLines = 200

// letter is a message as a mail, in plain text and HTML. Its header has nothing
// in it that a server chose.
func (o *mailer) letter(m *Message) (*mail.Msg, error) {
	title, lines, err := spoken(o.form, m)
	if err != nil {
		return nil, err
	}
	lines = fewer(lines, mailLines)
	for i, line := range lines {
		lines[i] = clipTo(line, 2000)
	}
	footer := "Message " + m.ID + " of memsweep to " + m.Target + ". A repetition has the same number."
	var page strings.Builder
	if err := letterPage.Execute(&page, map[string]any{"Title": title, "Lines": lines, "Page": m.Page, "Footer": footer}); err != nil {
		return nil, err
	}
	letter := mail.NewMsg(mail.WithNoDefaultUserAgent())
	letter.FromMailAddress(&o.from)
	letter.ToMailAddress(o.to...)
	letter.Subject(clipTo(exposure.Escape(title), 200))
	letter.SetDateWithValue(m.Created)
	letter.SetMessageIDWithValue(o.messageID(m))
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	letter.SetGenHeader("X-Auto-Response-Suppress", "All")
	letter.SetGenHeader("X-Memsweep-Message", m.ID)
	if m.Page != "" {
		lines = append(lines, "", "What is open now: "+m.Page)
	}
	letter.SetBodyString(mail.TypeTextPlain, title+"\n\n"+strings.Join(lines, "\n")+"\n\n-- \n"+footer+"\n")
	letter.AddAlternativeString(mail.TypeTextHTML, page.String())
	return letter, nil
}
