package notify_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/memsweep/memsweep/internal/notify"
)

// fenced are the blocks of a language in docs/notify.md.
func fenced(t *testing.T, language string) (list []string) {
	t.Helper()
	data, err := os.ReadFile("../../docs/notify.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
		list = append(list, m[1])
	}
	if len(list) == 0 {
		t.Fatalf("no %s", language)
	}
	return list
}

// TestTheDocumentedConfigurationIsRight reads it, as it stands there.
func TestTheDocumentedConfigurationIsRight(t *testing.T) {
	t.Setenv("TEAMS_URL", "https://example.webhook.office.com/x")
	dir := t.TempDir()
	for name, text := range map[string]string{"memsweep.yaml": fenced(t, "yaml")[0], "soc.key": key, "slack.url": "https://hooks.slack.com/services/x\n", "mail.password": "correct horse"} {
		write(t, filepath.Join(dir, name), text)
	}
	list, err := notify.Read(filepath.Join(dir, "memsweep.yaml"))
	if err != nil || len(list) != 6 {
		t.Fatal(list, err)
	}
	if _, err := list[5].Carry(context.Background(), hostileMessage()); err != nil { // the command
		t.Error(err)
	}
	if lines, err := os.ReadFile(filepath.Join(dir, "tickets.jsonl")); err != nil || !strings.HasPrefix(string(lines), `{"id":"msg_HOSTILE"`) {
		t.Errorf("%v: %.100s", err, lines)
	}
}

// TestTheDocumentedVerificationHolds runs it, as it stands there.
func TestTheDocumentedVerificationHolds(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 here")
	}
	r := receive(t, nil)
	if _, err := webhook(t, r.URL, "").Carry(context.Background(), hostileMessage()); err != nil {
		t.Fatal(err)
	}
	d := r.deliveries()[0]
	for secret, want := range map[string]string{key: "True\n", key + "x": "False\n"} {
		in, err := json.Marshal(map[string]any{"secret": secret, "body": d.body, "headers": map[string]string{"Webhook-Id": d.id, "Webhook-Timestamp": d.timestamp, "Webhook-Signature": "v1,other " + d.signature}})
		if err != nil {
			t.Fatal(err)
		}
		run := exec.Command(python, "-c", fenced(t, "python")[0]+"\nimport json, sys\nd = json.load(sys.stdin)\nprint(verified(d['secret'].encode(), d['headers'], d['body'].encode()))\n")
		run.Stdin = strings.NewReader(string(in))
		if out, err := run.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%v: %s", err, out)
		}
	}
}

// TestTheDocumentedTemplateWorks: so do all of the fields that are listed.
func TestTheDocumentedTemplateWorks(t *testing.T) {
	t.Parallel()
	if _, err := parse(t, "- {name: t, kind: command, command: 'true', template_file: form}\n", "form", fenced(t, "gotemplate")[0]); err != nil {
		t.Error(err)
	}
	data, err := os.ReadFile("../../docs/notify.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range notify.Keys() {
		if !strings.Contains(string(data), "`"+key+"`") && !strings.Contains(string(data), "`"+key+":") {
			t.Errorf("the key %s is not documented", key)
		}
	}
	told := reflect.TypeFor[notify.Told]()
	for i := range told.NumField() {
		if name := "`." + told.Field(i).Name; !strings.Contains(string(data), name+"`") && !strings.Contains(string(data), name+".") {
			t.Errorf("%s is not documented", name)
		}
	}
}
