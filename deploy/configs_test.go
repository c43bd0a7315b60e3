package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
)

// TestConfigurations has memsweep itself check every configuration that is
// shipped, in folders of the test instead of those of a machine.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	program := memsweep(t)
	data := manifests(t)["config.yaml"].(*core.ConfigMap).Data
	scopes := map[string]string{"kubernetes": data["scope.yaml"]}
	for name, text := range map[string]string{
		"systemd":                    read(t, "systemd/run.yaml"),
		"systemd, with notification": strings.ReplaceAll(read(t, "systemd/run.yaml"), "\n#", "\n"),
		"kubernetes":                 data["run.yaml"],
		"compose":                    read(t, "compose/config/run.yaml"),
	} {
		folder := t.TempDir()
		secret := write(t, filepath.Join(folder, "soc-secret"), "not a secret, it is a test's\n")
		if err := os.Chmod(secret, 0o600); err != nil {
			t.Fatal(err)
		}
		scope, ok := scopes[name]
		if !ok {
			scope = read(t, "systemd/scope.yaml")
		}
		write(t, filepath.Join(folder, "scope.yaml"), scope)
		here := strings.NewReplacer(
			"/var/lib/memsweep/", folder+"/",
			"/run/secrets/soc_secret", secret,
		).Replace(text)
		said := run(t, "env", "CREDENTIALS_DIRECTORY="+folder, program, "run", "--check", write(t, filepath.Join(folder, "run.yaml"), here))
		if !strings.Contains(said, "office") || strings.Contains(said, "warning") {
			t.Errorf("%s: %s", name, said)
		}
		// What it checks is what is in the file: a mistake is found.
		broken := strings.Replace(here, "vantage:", "vantages:", 1)
		if out, code := try(t, "env", "CREDENTIALS_DIRECTORY="+folder, program, "run", "--check", write(t, filepath.Join(folder, "run.yaml"), broken)); code != 2 {
			t.Errorf("%s: with a mistake it ends with %d: %s", name, code, out)
		}
	}
}
