package schedule

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reportName is the report of a run in its folder. The checkpoint is beside it.
const (
	reportName     = "report.jsonl"
	checkpointName = reportName + ".checkpoint"
)

// Command is what a person would write to make this sweep, without the program's
// name: its report into folder, its progress as JSON on stderr.
func (j Job) Command(folder string, due time.Time) []string {
	args := []string{"scan", "--output", filepath.Join(folder, reportName), "--format", "jsonl", "--quiet", "--progress", "json"}
	args = append(args, "--vantage", j.Vantage.Name, "--trust", string(j.Vantage.Trust))
	args = append(args, j.Plan...)
	if j.count > 0 {
		args = append(args, "--count", strconv.FormatUint(j.count, 10))
	}
	args = append(args, j.under()...)
	for _, r := range j.Reports {
		args = append(args, "--out", r.Format+"="+r.on(due.In(j.When.Zone)))
	}
	args = appendEach(args, "--list", j.Lists)
	args = appendEach(args, "--exclude", j.Exclude)
	args = appendEach(args, "--exclude-file", j.ExcludeFiles)
	return append(append(args, "--"), j.Targets...)
}

// Resume is the command that goes on from the checkpoint in folder. What is
// excluded by now is left out too.
func (j Job) Resume(folder string) []string {
	args := []string{"scan", "--resume", filepath.Join(folder, checkpointName), "--quiet", "--progress", "json"}
	args = append(args, j.under()...)
	args = appendEach(args, "--exclude", j.Exclude)
	return appendEach(args, "--exclude-file", j.ExcludeFiles)
}

// under is what holds for the rest of a sweep too.
func (j Job) under() []string {
	args := slices.Clone(j.Limits)
	if j.Scope != "" {
		args = append(args, "--scope", j.Scope)
	}
	if j.Policy != "" {
		args = append(args, "--policy", j.Policy)
	}
	return args
}

func appendEach(args []string, flag string, values []string) []string {
	for _, v := range values {
		args = append(args, flag, v)
	}
	return args
}

func (r Report) on(due time.Time) string {
	return strings.NewReplacer("{date}", due.Format("2006-01-02"), "{time}", due.Format("150405")).Replace(r.Path)
}

// CommandLine writes a command for people to paste: words that a shell would take
// apart are quoted.
func CommandLine(program string, args []string) string {
	words := []string{shellWord(program)}
	for _, a := range args {
		words = append(words, shellWord(a))
	}
	return strings.Join(words, " ")
}

func shellWord(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
