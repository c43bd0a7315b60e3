package notify

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/memsweep/memsweep/internal/handwritten"
)

// secret says where a secret is. It is read anew for each attempt, so that it can
// be changed without a restart, and is never kept, printed or logged.
type secret struct{ file, env string }

const maxSecret = 4096 // bytes

func (s secret) given() bool { return s.file != "" || s.env != "" }

// String is where it is, and not what it is.
func (s secret) String() string {
	if s.file != "" {
		return "the file " + s.file
	}
	return "the environment's " + s.env
}

// read returns it without the line end that an editor leaves behind it.
func (s secret) read() (string, error) {
	text, ok := "", true
	if s.file != "" {
		f, err := os.Open(s.file)
		if err != nil {
			return "", err
		}
		defer f.Close() // only read: its error says nothing
		data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
		if err != nil {
			return "", err
		}
		text = string(data)
	} else if text, ok = os.LookupEnv(s.env); !ok {
		return "", fmt.Errorf("%s is not set", s)
	}
	text = strings.TrimRight(text, "\r\n")
	switch {
	case text == "":
		return "", fmt.Errorf("%s is empty", s)
	case len(text) > maxSecret:
		return "", fmt.Errorf("%s has more than %d bytes", s, maxSecret)
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", errors.New(s.String() + " has control characters, or more than one line")
	}
	return text, nil
}

// secret reads where one is: the keys NAME_file and NAME_env. It is looked at
// once, so that one that is not there shows at once.
func (p *targetFile) secret(name string, check func(string) error) secret {
	s := secret{file: p.path(p.word(name + "_file")), env: p.word(name + "_env")}
	key := name + "_file"
	switch {
	case s.file != "" && s.env != "":
		p.Refuse(p.at(name+"_env"), "%s_file and %[1]s_env both say where the %[1]s is: write one of them", name)
		return s
	case s.env != "":
		key = name + "_env"
	case s.file == "":
		return s
	}
	text, err := s.read()
	if err == nil && check != nil {
		err = check(text)
	}
	if err == nil && handwritten.IsPublic(s.file) {
		err = errors.New("everybody may read it: chmod 600 it")
	}
	if err != nil {
		p.Refuse(p.at(key), "%s %s: %v", key, handwritten.Quote(p.word(key)), redact(err.Error(), text))
	}
	return s
}

// redact takes secrets out of a text that may quote them, as a receiver's answer
// may, in the forms in which they are sent.
func redact(text string, secrets ...string) string {
	for _, s := range secrets {
		if len(s) < 4 {
			continue // nothing would be left of the text
		}
		forms := encodings(s)
		if u, err := url.Parse(s); err == nil && u.Host != "" {
			forms = append(forms, u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery)
			if parts := strings.Split(u.Path, "/"); len(parts[len(parts)-1]) >= 8 {
				forms = append(forms, parts[len(parts)-1])
			}
		}
		slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) }) // none hides a piece of a longer one
		for _, form := range forms {
			if len(form) >= 4 {
				text = strings.ReplaceAll(text, form, "[secret]")
			}
		}
	}
	return text
}

// encodings are the forms in which a receiver, or a library that quotes one, may
// repeat a secret: in URLs, JSON (with \/ too), Go's %q, hexadecimal and base64.
func encodings(secret string) []string {
	b := []byte(secret)
	quoted := strings.TrimSuffix(strings.TrimPrefix(strconv.Quote(secret), `"`), `"`)
	forms := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), quoted, strings.ReplaceAll(quoted, "/", `\/`),
		hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
		base64.StdEncoding.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b),
		base64.URLEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
	}
	if text, err := json.Marshal(secret); err == nil {
		plain := strings.TrimSuffix(strings.TrimPrefix(string(text), `"`), `"`)
		forms = append(forms, plain, strings.ReplaceAll(plain, "/", `\/`))
	}
	for _, f := range []string{url.QueryEscape(secret), url.PathEscape(secret)} {
		forms = append(forms, strings.ToLower(f))
	}
	return forms
}
