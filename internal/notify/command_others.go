//go:build !unix

package notify

import (
	"os"
	"os/exec"
)

// asGroup does nothing here: the program is ended, what it started is not.
func asGroup(*exec.Cmd) {}

func systemEnvironment() (env []string) {
	for _, name := range []string{"PATH", "SystemRoot", "PATHEXT", "TEMP"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
