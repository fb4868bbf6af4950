package labs

import (
	"encoding"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wholefile"
)

// Seal hides the answers and explanations of a lab's exercises in its lab.yaml, so that they are not read by accident, and returns the
// IDs of the exercises in which it hid something. Everything else in the file stays as it is, byte for byte. Random gives the salts.
func Seal(dir string, random io.Reader) ([]string, error) {
	return rewrite(dir, func(e format.Exercise) (answer, explanation string, err error) {
		salt := make([]byte, format.SaltSize)
		if p := e.Predict; p != nil && !p.Answer.IsZero() && !p.Answer.Sealed() {
			if _, err := io.ReadFull(random, salt); err != nil {
				return "", "", fmt.Errorf("draw a salt: %w", err)
			}
			choice, _ := p.Answer.Reveal(e.ID, p.Choices)
			answer = written(format.SealAnswer(e.ID, choice.Key, salt))
		}
		if e.Explanation.IsZero() || e.Explanation.Sealed() {
			return answer, "", nil
		}
		if _, err := io.ReadFull(random, salt); err != nil {
			return "", "", fmt.Errorf("draw a salt: %w", err)
		}
		text, err := e.Explanation.Open(e.ID)
		if err != nil {
			return "", "", err
		}
		secret, err := format.SealText(e.ID, text, salt)
		return answer, written(secret), err
	})
}

// Unseal writes the answers and explanations of a lab's exercises in clear, to change them, and returns the IDs of the exercises in
// which it did.
func Unseal(dir string) ([]string, error) {
	return rewrite(dir, func(e format.Exercise) (answer, explanation string, err error) {
		if p := e.Predict; p != nil && p.Answer.Sealed() {
			choice, _ := p.Answer.Reveal(e.ID, p.Choices)
			answer = choice.Key
		}
		if !e.Explanation.Sealed() {
			return answer, "", nil
		}
		explanation, err = e.Explanation.Open(e.ID)
		return answer, explanation, err
	})
}

// rewrite replaces answers and explanations in a lab.yaml by what change says; "" leaves one as it is.
func rewrite(dir string, change func(format.Exercise) (answer, explanation string, err error)) ([]string, error) {
	name := filepath.Join(dir, FormatFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("rewrite the lab in %s: %w", dir, err)
	}
	lab, err := format.Decode(name, text)
	if err != nil {
		return nil, err
	}
	lines := strings.SplitAfter(string(text), "\n")
	var ids []string
	for i, e := range slices.Backward(lab.Exercises) { // from the end, so that the lines before keep their numbers
		answer, explanation, err := change(e)
		if err != nil {
			return nil, fmt.Errorf("exercise %s: %w", e.ID, err)
		}
		places := map[string]mark.Problem{ // what stands further down is replaced first
			"explanation": lab.Problem(fmt.Sprintf("exercises[%d].explanation", i), "is not on a line of its own"),
			"answer":      lab.Problem(fmt.Sprintf("exercises[%d].predict.answer", i), "is not on a line of its own"),
		}
		values := map[string]string{"explanation": explanation, "answer": answer}
		for _, key := range slices.SortedFunc(maps.Keys(places), func(a, b string) int { return places[b].Line - places[a].Line }) {
			if values[key] == "" {
				continue
			}
			replaced, ok := replaceValue(lines, places[key].Line-1, key, values[key])
			if !ok {
				return nil, hint.Wrap(mark.Problems{places[key]}.Err(), "write `%s:` on a line of its own; nothing was changed", key)
			}
			lines = replaced
		}
		if answer != "" || explanation != "" {
			ids = append(ids, e.ID)
		}
	}
	slices.Reverse(ids)
	if len(ids) == 0 {
		return nil, nil
	}
	return ids, replaceFile(name, []byte(strings.Join(lines, "")))
}

// replaceFile puts the new text in the old one's place at once, after it turned out to be readable.
func replaceFile(name string, text []byte) error {
	if _, err := format.Decode(name, text); err != nil {
		return fmt.Errorf("%s would not be readable any more, and is left as it is: %w", name, err)
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if err := wholefile.Put(name, info.Mode().Perm(), text); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func written(m encoding.TextMarshaler) string {
	text, err := m.MarshalText()
	if err != nil { // neither answers nor secrets have a way to fail
		return ""
	}
	return string(text)
}

// replaceValue gives a key in block style another value. The value begins at the line; what is indented deeper than the key belongs to it.
func replaceValue(lines []string, at int, key, value string) ([]string, bool) {
	start := at
	for start >= 0 && !strings.HasPrefix(strings.TrimLeft(lines[start], " -"), key+":") {
		if start--; at-start > 1 { // a value may begin on the line after its key
			return nil, false
		}
	}
	if start < 0 {
		return nil, false
	}
	prefix := lines[start][:len(lines[start])-len(strings.TrimLeft(lines[start], " -"))]
	end := start + 1
	for end < len(lines) {
		line := lines[end]
		if strings.TrimSpace(line) != "" && len(line)-len(strings.TrimLeft(line, " ")) <= len(prefix) {
			break
		}
		end++
	}
	for end > start+1 && strings.TrimSpace(lines[end-1]) == "" { // empty lines behind it stay
		end--
	}
	return slices.Concat(lines[:start], []string{prefix + key + ": " + block(value, len(prefix)+2) + "\n"}, lines[end:]), true
}

// block writes a value: a word as it is, a text as a literal block.
func block(value string, indent int) string {
	if !strings.ContainsAny(value, " \n") {
		return value
	}
	text, head := strings.TrimRight(value, "\n"), "|"
	switch len(value) - len(text) {
	case 0:
		head = "|-"
	case 1:
	default:
		text, head = strings.TrimSuffix(value, "\n"), "|+"
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = strings.Repeat(" ", indent) + line
		}
	}
	return head + "\n" + strings.Join(lines, "\n")
}
