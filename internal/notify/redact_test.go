package notify

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestRedactHidesEveryForm: however a receiver writes what it was given.
func TestRedactHidesEveryForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[ -~]{12,40}`).Draw(t, "secret")
		inJSON, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		bare := func(quoted string) string { return quoted[1 : len(quoted)-1] }
		for _, form := range []string{
			secret, bare(string(inJSON)), strings.ReplaceAll(bare(string(inJSON)), "/", `\/`), bare(fmt.Sprintf("%q", secret)),
			hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret)),
			base64.RawURLEncoding.EncodeToString([]byte(secret)), url.QueryEscape(secret), url.PathEscape(secret),
		} {
			if got := redact("it said <"+form+">", secret); strings.Contains(got, form) || !strings.Contains(got, "[secret]") {
				t.Fatalf("%q shows %q", got, form)
			}
		}
	})
}
