package notify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/internal/notify"
)

func TestEveryKindIsRead(t *testing.T) {
	t.Parallel()
	list := targets(t, `
- name: soc
  kind: webhook
  url: https://soc.example.net/hooks/memsweep?x=secretive
  secret_file: key
  only: {kinds: [new, worse], at_least: high, vantages: [internet], owners: [payments, billing], jobs: [dmz], runs: false}
  batch: 50
  wait: 1m
- {name: chat, kind: slack, url_file: url}
- {name: office, kind: teams, url_file: url, only: {runs: true}}
- {name: post, kind: mail, server: mail.example.net, from: m@example.net, to: s@example.net, user: u, password_file: key}
- {name: log, kind: syslog, server: '[2001:db8::1]'}
- {name: ticket, kind: command, command: sh}
`, "url", "https://hooks.slack.com/services/T/B/X\n")
	var got []string
	for _, target := range list {
		got = append(got, target.Name+" "+target.Kind+" "+target.Where+" "+target.Only.String())
	}
	want := []string{
		"soc webhook https://soc.example.net changes: new, worse; high or worse; from internet; of payments, billing; in jobs dmz",
		"chat slack the URL in the file DIR/url all changes; and runs that went wrong",
		"office teams the URL in the file DIR/url all changes; and runs that went wrong",
		"post mail mail.example.net:587 all changes; and runs that went wrong",
		"log syslog [2001:db8::1]:6514 all changes; and runs that went wrong",
		"ticket command sh all changes; and runs that went wrong",
	}
	for i, line := range got {
		if at := strings.Index(line, "/"); strings.Contains(line, "the file") {
			line = line[:at] + "DIR/url" + line[strings.Index(line, "/url")+4:]
		}
		if line != want[i] {
			t.Errorf("%s\nwant %s", line, want[i])
		}
	}
	if list[0].Batch != 50 || list[1].Batch != 1000 {
		t.Error(list[0].Batch, list[1].Batch)
	}
}

// TestMistakes: each is named with its line, and with what to write instead; no
// secret is in it.
func TestMistakes(t *testing.T) {
	t.Parallel()
	web := "- {name: soc, kind: webhook, url: 'https://example.net', secret_file: key"
	mail := "- {name: post, kind: mail, server: mail.example.net, from: a@example.net, to: b@example.net"
	for list, want := range map[string]string{
		"  soc: webhook":    "2: notify is not a list",
		"- soc":             "3: notify: not a target",
		"- {kind: webhook}": "3: a target needs a name",
		"- {name: 'a b', kind: command, command: sh}": "3: a target needs a name",
		"- {name: soc}":                                            "3: kind \"\": write one of webhook, slack, teams, mail, syslog, command",
		web + "}\n" + web + "}":                                    "4: target \"soc\" stands twice",
		web + ", urll: x}":                                         "3: unknown key \"urll\": write one of name, kind, only",
		web + ", secret: hunter22}":                                "3: secret: a secret does not stand in this file",
		web + ", token: hunter22}":                                 "3: token: a secret does not stand in this file",
		web + ", secret_env: K}":                                   "3: secret_file and secret_env both say where",
		web + ", token_file: missing}":                             "3: token_file \"missing\": open ",
		web + ", token_env: NOT_SET_AT_ALL}":                       "3: token_env \"NOT_SET_AT_ALL\": the environment's NOT_SET_AT_ALL is not set",
		web + ", batch: 0}":                                        "3: batch: write a number from 1 to 1000",
		web + ", batch: 1001}":                                     "3: batch",
		web + ", wait: 1}":                                         "3: wait \"1\": write a time from 0s to 24h0m0s, as `wait: 1m0s`",
		web + ", timeout: 1h}":                                     "3: timeout \"1h\"",
		web + ", give_up_after: -1h}":                              "3: give_up_after",
		web + ", only: [new]}":                                     "3: only is no mapping",
		web + ", only: {kinds: [gone]}}":                           "3: kinds \"gone\"",
		web + ", only: {kinds: []}}":                               "3: kinds is empty",
		web + ", only: {at_least: bad}}":                           "3: at_least: write one of critical",
		web + ", only: {runs: maybe}}":                             "3: runs \"maybe\": write one of true, false",
		web + ", only: {vantage: x}}":                              "3: unknown key \"vantage\": write one of kinds",
		web + ", ca_file: missing}":                                "3: ca_file: open ",
		web + ", ca_file: key}":                                    "3: ca_file ",
		web + ", page: memsweep.example.net}":                      "3: page: not a page's address",
		web + ", page: 'javascript:alert(1)'}":                     "3: page: not a page's address",
		web + ", insecure: 'yes'}":                                 "3: insecure \"yes\": write one of no, allow",
		web + ", template: '{{.Titel}}'}":                          "3: template: executing",
		web + ", template: '{{.Title}}'}":                          "3: template: it does not make JSON",
		web + ", template: '{{.Title'}":                            "3: template: unclosed action",
		web + ", template: x, template_file: key}":                 "3: template and template_file are both there",
		web + ", content_type: 'text/'}":                           "3: content_type",
		"- {name: soc, kind: webhook, secret_file: key}":           "3: webhook has no URL",
		"- {name: soc, kind: webhook, url: 'https://example.net'}": "3: a webhook is signed",
		"- {name: soc, kind: webhook, url: 'https://example.net', secret_file: short}":          "3: secret_file \"short\": fewer than 16 bytes",
		"- {name: soc, kind: webhook, url: 'https://example.net', secret_file: coded}":          "3: secret_file \"coded\": it begins with whsec_",
		"- {name: soc, kind: webhook, url: 'https://example.net', secret_file: lines}":          "3: secret_file \"lines\": ",
		"- {name: soc, kind: webhook, url: 'https://example.net', secret_file: empty}":          "3: secret_file \"empty\": ",
		"- {name: soc, kind: webhook, url: 'http://example.net', secret_file: key}":             "3: url: http:// shows everybody",
		"- {name: soc, kind: webhook, url: 'http://127.0.0.1.example.net', secret_file: key}":   "3: url: http:// shows everybody",
		"- {name: soc, kind: webhook, url: 'https://u:hunter22@example.net', secret_file: key}": "3: url: it has a password in it",
		"- {name: soc, kind: webhook, url: 'ftp://example.net', secret_file: key}":              "3: url: write an https:// URL",
		"- {name: soc, kind: webhook, url: 'example.net', secret_file: key}":                    "3: url: not a URL",
		"- {name: chat, kind: slack, url: 'https://hooks.slack.com/hunter22'}":                  "3: the url of a slack target is a secret",
		"- {name: chat, kind: slack}":  "3: slack has no URL: write url_file: PATH or url_env: NAME",
		mail + ", tls: none}":          "3: tls: none shows everybody",
		mail + ", tls: maybe}":         "3: tls \"maybe\": write one of starttls, implicit, none",
		mail + ", user: u}":            "3: a user needs a password",
		mail + ", password: hunter22}": "3: password: a secret does not stand",
		"- {name: post, kind: mail, server: 'a b', from: a@example.net, to: b@example.net}":               "3: server \"a b\": write it as",
		"- {name: post, kind: mail, server: m, from: nobody, to: b@example.net}":                          "3: from: not a mail address",
		"- {name: post, kind: mail, server: m, from: a@example.net}":                                      "3: a mail target has no to",
		"- {name: post, kind: mail, server: m, from: \"a@example.net\\r\\nBcc: x@y\", to: b@example.net}": "3: from",
		"- {name: log, kind: syslog}":                                                          "3: server \"\"",
		"- {name: log, kind: syslog, server: 'log:99999'}":                                     "3: server \"log:99999\"",
		"- {name: log, kind: syslog, server: log, facility: kern}":                             "3: facility \"kern\"",
		"- {name: t, kind: command}":                                                           "3: a command target has no command",
		"- {name: t, kind: command, command: [no-such-program]}":                               "3: command: ",
		"- {name: t, kind: command, command: 'sh -c x'}":                                       "3: command: ",
		"- name: t\n  kind: command\n  command: sh\n  template: |\n    fine\n    {{.Nothing}}": "8: template: executing",
		"- name: t\n  kind: command\n  command: sh\n  template_file: form":                     "form:2: template: executing",
	} {
		_, err := parse(t, list+"\n", "short", "too short", "coded", "whsec_!", "lines", "a\nb", "empty", "\n", "form", "{{.Title}}\n{{.Nothing}}\n")
		if err == nil {
			t.Errorf("%s\nwas taken", list)
			continue
		}
		text := err.Error()
		if !strings.Contains(text, ":"+want) && !strings.Contains(text, want) || !strings.Contains(text, "/"+strings.SplitN("memsweep.yaml:"+want, ":", 3)[0]) && !strings.HasPrefix(want, "form") {
			t.Errorf("%s\ngives %s\nwant %s", list, text, want)
		}
		if strings.Contains(text, "hunter22") || strings.Contains(text, "too short") {
			t.Errorf("it tells the secret: %s", text)
		}
	}
}

// FuzzTargets: no configuration makes the reader fail in another way than by an
// error.
func FuzzTargets(f *testing.F) {
	for _, s := range []string{"", "- {name: soc, kind: webhook}", "- &a {name: x, only: *a}", "- {name: t, kind: command, command: [[]], only: {kinds: {a: b}}}", "- {name: m, kind: mail, to: [[a]], from: {}, server: []}", "- {name: t, kind: syslog, server: ':', template: '{{range 9}}{{end}}'}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		if strings.Contains(list, "_file") || strings.Contains(list, "command") && strings.Contains(list, "/") {
			return // it would look around here
		}
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte("notify:\n"+list+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if list, err := notify.Read(path); err == nil {
			for _, target := range list {
				if target.Name == "" || target.Batch < 1 {
					t.Errorf("%+v", target)
				}
			}
		}
	})
}
