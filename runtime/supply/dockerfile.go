package supply

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// hashWith adds to the content's hash what else decides about an image.
func hashWith(content string, spec engine.BuildSpec) (string, error) {
	raw, err := json.Marshal([]any{content, spec.Dockerfile, spec.Args, spec.Target, spec.Network, spec.Labels})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

// basesOf lists the images that a build starts from or copies from, each once.
func basesOf(spec engine.BuildSpec) ([]string, error) {
	name := spec.Dockerfile
	if name == "" {
		name = "Dockerfile"
	}
	text, err := fs.ReadFile(spec.Context, name)
	if err != nil {
		return nil, err
	}
	return bases(text, spec.Args, spec.Target), nil
}

// bases reads a Dockerfile as far as it names images: FROM, COPY --from and the ARGs that stand before the first FROM. A name that
// still has a variable in it is left to the engine. With a target, later stages do not count.
func bases(dockerfile []byte, args map[string]string, target string) []string {
	global := map[string]string{}
	stages := map[string]bool{"scratch": true}
	var found []string
	add := func(ref string) {
		if ref != "" && !strings.Contains(ref, "$") && !stages[strings.ToLower(ref)] && !number(ref) && !slices.Contains(found, ref) {
			found = append(found, ref)
		}
	}
	begun, last := false, false
	for _, words := range instructions(dockerfile) {
		switch instruction := strings.ToUpper(words[0]); {
		case instruction == "ARG" && !begun:
			for _, word := range words[1:] {
				name, value, _ := strings.Cut(word, "=")
				if given, ok := args[name]; ok {
					value = given
				}
				global[name] = expand(strings.Trim(value, `"'`), global)
			}
		case instruction == "FROM":
			if last {
				return found
			}
			begun = true
			words = slices.DeleteFunc(words[1:], func(w string) bool { return strings.HasPrefix(w, "--") })
			if len(words) == 0 {
				continue
			}
			add(expand(words[0], global))
			if len(words) == 3 && strings.EqualFold(words[1], "as") {
				stages[strings.ToLower(words[2])] = true
				last = target != "" && strings.EqualFold(words[2], target)
			}
		case instruction == "COPY":
			for _, word := range words[1:] {
				if from, ok := strings.CutPrefix(word, "--from="); ok {
					add(expand(from, global))
				}
			}
		}
	}
	return found
}

func number(text string) bool { return strings.Trim(text, "0123456789") == "" }

// expand replaces $NAME, ${NAME} and ${NAME:-DEFAULT}; what has no value keeps its dollar.
func expand(text string, values map[string]string) string {
	return os.Expand(text, func(name string) string {
		name, fallback, hasFallback := strings.Cut(name, ":-")
		if value := values[name]; value != "" {
			return value
		}
		if hasFallback {
			return fallback
		}
		return "$" + name
	})
}

// instructions splits a Dockerfile into instructions and these into words: continued lines are joined, comments left out.
func instructions(dockerfile []byte) [][]string {
	var list [][]string
	var line string
	scanner := bufio.NewScanner(bytes.NewReader(dockerfile))
	scanner.Buffer(nil, len(dockerfile)+1)
	for scanner.Scan() {
		text := strings.TrimSpace(scanner.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if head, continued := strings.CutSuffix(text, `\`); continued {
			line += head + " "
			continue
		}
		if words := strings.Fields(line + text); len(words) > 0 {
			list = append(list, words)
		}
		line = ""
	}
	if words := strings.Fields(line); len(words) > 0 {
		list = append(list, words)
	}
	return list
}
