package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

//go:embed message.schema.json
var schema []byte

// Schema is the JSON Schema of what a webhook and a command get.
func Schema() []byte { return schema }

// webhook posts the message as JSON, signed as Standard Webhooks 1.0.0 has it
// (https://www.standardwebhooks.com): the receiver computes the HMAC-SHA256 of
// "ID.TIMESTAMP.BODY" by the shared secret and compares it with the signature
// in constant time; it refuses timestamps that are minutes off, and an ID that
// it knows is a repetition.
type webhook struct {
	*post
	key, token  secret
	contentType string
	form        *form
}

const minKey = 16 // bytes

func openWebhook(p *targetFile, t *Target) carrier {
	w := &webhook{post: p.post(t), contentType: "application/json"}
	w.key = p.secret("secret", func(text string) error { _, err := signingKey(text); return err })
	w.token = p.secret("token", nil)
	if !w.key.given() {
		p.Refuse(p.item, "a webhook is signed, so that its receiver can tell who sent it: write secret_file: PATH or secret_env: NAME")
	}
	if p.has("content_type") {
		w.contentType = p.word("content_type")
		if _, _, err := mime.ParseMediaType(w.contentType); err != nil {
			p.Refuse(p.at("content_type"), "content_type: write one as `content_type: text/plain`")
		}
	}
	w.form = p.template(t, w.valid)
	return w
}

// valid demands of a template that says that it is JSON that it is.
func (w *webhook) valid(body []byte) error {
	if media, _, _ := mime.ParseMediaType(w.contentType); media == "application/json" && !json.Valid(body) {
		return errors.New("it does not make JSON: write texts as {{json .Title}}, or say what it makes with content_type")
	}
	return nil
}

// signingKey decodes the form that Standard Webhooks gives a secret; any other
// text is taken for the key itself.
func signingKey(text string) ([]byte, error) {
	key := []byte(text)
	if coded, ok := strings.CutPrefix(text, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(coded); err != nil {
			return nil, errors.New("it begins with whsec_ and does not go on in base64")
		}
	}
	if len(key) < minKey {
		return nil, fmt.Errorf("fewer than %d bytes can be guessed: make one with `openssl rand -base64 32`", minKey)
	}
	return key, nil
}

// sign computes what stands in Webhook-Signature.
func sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp) // to a hash: no error
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (w *webhook) carry(ctx context.Context, m *Message) (string, error) {
	body, err := asBody(w.form, m)
	if err == nil {
		err = w.valid(body)
	}
	if err != nil {
		return "", failuref(few, "template: %v", err)
	}
	secret, err := w.key.read()
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	key, err := signingKey(secret)
	if err != nil {
		return "", fmt.Errorf("the secret: %w", err)
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	header := http.Header{}
	header.Set("Content-Type", w.contentType)
	header.Set("Webhook-Id", m.ID)
	header.Set("Webhook-Timestamp", timestamp)
	header.Set("Webhook-Signature", sign(key, m.ID, timestamp, body))
	secrets := []string{secret, strings.TrimPrefix(secret, "whsec_")}
	if w.token.given() {
		token, err := w.token.read()
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		header.Set("Authorization", "Bearer "+token)
		secrets = append(secrets, token)
	}
	return w.send(ctx, body, header, secrets...)
}

// asBody is what machines get: the message as JSON, or the owner's form of it.
func asBody(f *form, m *Message) ([]byte, error) {
	if f != nil {
		return f.execute(m)
	}
	return json.Marshal(m)
}
