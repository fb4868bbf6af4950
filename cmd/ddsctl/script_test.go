package main

import (
	"errors"
	"os/exec"
	"regexp"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// normalize is the script command `normal stdout|stderr FILE`: it writes the last command's output to FILE with everything replaced that
// differs from run to run, so that what a contract fixes can be compared.
func normalize(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: normal stdout|stderr FILE")
	}
	text := ts.ReadFile(args[0])
	for _, r := range varying {
		text = r.from.ReplaceAllString(text, r.to)
	}
	ts.Check(writeFile(ts.MkAbs(args[1]), text))
}

var varying = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`dcli-[a-z0-9_-]+?-\d{3,}`), "NAME"},
	{regexp.MustCompile(`/\S*/script-[a-z0-9_-]+`), "WORK"},
	{regexp.MustCompile(`sha256:[0-9a-f]{12,64}`), "sha256:ID"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`127\.0\.0\.1:\d{4,5}`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`"host": \d{4,5}`), `"host": 0`},
	{regexp.MustCompile(`"duration_ns": \d+`), `"duration_ns": 0`},
	{regexp.MustCompile(`\b\d+\.\d+ ?s\b`), "0.0 s"},
}

// exits is the script command `exits CODE PROGRAM ARG...`: the program must end with exactly that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
