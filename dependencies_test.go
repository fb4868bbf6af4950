package ddsctl_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// direct asks the go command for the modules that go.mod requires by itself.
func direct(t *testing.T) map[string]bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatalf("read go.mod: %v", err)
	}
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &file); err != nil {
		t.Fatal(err)
	}
	modules := map[string]bool{}
	for _, r := range file.Require {
		if !r.Indirect {
			modules[r.Path] = true
		}
	}
	return modules
}

// reasons reads the rows of the table: module and reason.
func reasons(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 2 {
			continue
		}
		name, why := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])
		if !strings.Contains(name, "/") {
			continue // the head of the table
		}
		if _, twice := rows[name]; twice {
			t.Errorf("docs/dependencies.md names %s twice", name)
		}
		rows[name] = why
	}
	return rows
}

func TestEveryDirectDependencyHasItsReason(t *testing.T) {
	modules, rows := direct(t), reasons(t)
	for name := range modules {
		switch why, ok := rows[name]; {
		case !ok:
			t.Errorf("docs/dependencies.md has no line for %s", name)
		case len(why) < 10:
			t.Errorf("docs/dependencies.md gives no reason for %s", name)
		}
	}
	for name := range rows {
		if !modules[name] {
			t.Errorf("docs/dependencies.md has a line for %s, which go.mod does not require directly", name)
		}
	}
}
