package labs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/labs/compose"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/labs/nearest"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/telemetry/component"
)

// Finding is one thing that Lint has to say of a lab.
type Finding = mark.Problem

// LintOptions are what Lint cannot know by itself.
type LintOptions struct {
	// Trust checks the lab as one that may reach beyond its folder and its containers.
	Trust bool
	// Expectation compiles a text in the language of expectations, and Measure one without its comparison; nil leaves them unchecked.
	Expectation, Measure func(text string) error
	// Inject checks the words behind `ddsctl fault inject`; nil leaves them unchecked.
	Inject func(words []string) error
	// Count checks that the check of a history of a model counts something of that name; nil leaves it unchecked.
	Count func(model, name string) error
}

// Lint says what is wrong with a lab's folder, and what could be better: warnings do not keep it from running. Every file and every
// variant is looked at. The error is for what kept Lint from looking.
func Lint(ctx context.Context, dir string, options LintOptions) ([]Finding, error) {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("check the lab in %s: %w", dir, err)
	case !info.IsDir():
		return nil, fmt.Errorf("check the lab in %s: it is a file, and a lab is a folder", dir)
	}
	place, err := locate(filepath.Clean(dir)+string(filepath.Separator), nil)
	if err != nil {
		return nil, err
	}
	return lint(ctx, place, options)
}

// LintCatalogue is Lint for the embedded labs.
func LintCatalogue(ctx context.Context, options LintOptions) ([]Finding, error) {
	folders, err := foldersOf(embedded)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for _, folder := range folders {
		place, err := inCatalogue(embedded, folder)
		if err != nil {
			return nil, err
		}
		found, err := lint(ctx, place, options)
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

func lint(ctx context.Context, place location, options LintOptions) ([]Finding, error) {
	l := &linter{place: place, options: options}
	l.format()
	l.project(ctx)
	l.guide()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.found.Sort()
	return slices.CompactFunc(l.found, func(a, b Finding) bool { return a == b }), nil
}

type linter struct {
	place   location
	options LintOptions
	lab     *format.Lab
	found   mark.Problems
}

func (l *linter) file(name string) string { return filepath.Join(l.place.shown, name) }

func (l *linter) warn(file, format string, args ...any) {
	l.found = append(l.found, Finding{File: l.file(file), Severity: mark.Warning, Text: fmt.Sprintf(format, args...)})
}

// at adds what is wrong with a path of lab.yaml.
func (l *linter) at(severity mark.Severity, path, format string, args ...any) {
	problem := l.lab.Problem(path, format, args...)
	problem.Severity = severity
	l.found = append(l.found, problem)
}

func (l *linter) format() {
	lab, err := l.place.format()
	if err != nil {
		l.found = append(l.found, problemsOf(l.file(FormatFile), err)...)
		return
	}
	if lab == nil {
		l.warn(FormatFile, "is not there: topology, faults and traffic work without it, kinds, links, workloads and exercises need it; `ddsctl lab init --from-compose` writes one")
		return
	}
	l.lab = lab
	if chapter, ok := chapterOf(l.place.dir); ok && chapter != lab.Chapter {
		l.at(mark.Error, "chapter", "the lab's folder is in chapter %d, and it says %d", chapter, lab.Chapter)
	}
	readers := component.Readers()
	commands := component.CommandReaders()
	known := append(slices.Collect(maps.Keys(readers)), slices.Collect(maps.Keys(commands))...)
	for _, name := range slices.Sorted(maps.Keys(lab.Services)) {
		s := lab.Services[name]
		if s.Stats == nil || s.Stats.Off {
			continue
		}
		reader, path := s.Stats.Reader, "services."+name+".stats.reader"
		if reader == "" {
			reader, path = s.Kind, "services."+name+".kind"
		}
		if !slices.Contains(known, reader) {
			slices.Sort(known)
			l.at(mark.Error, path, "statistics of %q cannot be read; there are readers for %s%s", reader, strings.Join(known, ", "), meant(reader, known))
		}
	}
	for i, e := range lab.Exercises {
		l.exercise(fmt.Sprintf("exercises[%d]", i), e)
	}
}

func meant(word string, known []string) string {
	if near := nearest.Word(word, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

var chapterFolder = regexp.MustCompile(`^ch([0-9]{2})-[a-z0-9-]+$`)

// chapterOf is the chapter that a lab's folder says: chNN-PATTERN/SLUG.
func chapterOf(dir string) (int, bool) {
	found := chapterFolder.FindStringSubmatch(filepath.Base(filepath.Dir(dir)))
	if found == nil {
		return 0, false
	}
	chapter, err := strconv.Atoi(found[1])
	return chapter, err == nil
}

func (l *linter) exercise(at string, e format.Exercise) {
	if p := e.Predict; p != nil && !p.Answer.IsZero() && !p.Answer.Sealed() {
		l.at(mark.Warning, at+".predict.answer", "the answer can be read by whoever opens the file; `ddsctl lab seal` hides it")
	}
	if !e.Explanation.IsZero() && !e.Explanation.Sealed() {
		l.at(mark.Warning, at+".explanation", "the explanation can be read by whoever opens the file; `ddsctl lab seal` hides it")
	}
	if len(e.Hints) == 0 {
		l.at(mark.Warning, at, "exercise %s has no hints", e.ID)
	}
	if e.Predict != nil && e.Predict.Number != nil {
		measure := e.Predict.Number.Measure
		l.compile(at+".predict.number.measure.value", measure.Value, l.options.Measure)
		l.steps(at+".predict.number.measure.steps", measure.Steps)
		l.history(at+".predict.number.measure.history", measure.History)
		if h := measure.History; h != nil {
			l.count(at+".predict.number.measure.count", h.Model, measure.Count)
		}
	}
	checks := func(at string, checks []format.Check) {
		for i, c := range checks {
			at := fmt.Sprintf("%s[%d]", at, i)
			l.compile(at+".expect", c.Expect, l.options.Expectation)
			l.steps(at+".steps", c.Steps)
			l.history(at+".history", c.History)
		}
	}
	if e.Do != nil {
		checks(at+".do.checks", e.Do.Checks)
	}
	if e.Edit != nil {
		checks(at+".edit.checks", e.Edit.Checks)
		for i, name := range e.Edit.Files {
			if _, err := fs.Stat(l.place.files, name); err != nil {
				l.at(mark.Error, fmt.Sprintf("%s.edit.files[%d]", at, i), "%s is not in the lab's folder", name)
			}
		}
	}
}

func (l *linter) history(at string, h *format.History) {
	if h == nil {
		return
	}
	l.steps(at+".during", h.During)
	for _, name := range slices.Sorted(maps.Keys(h.Counts)) {
		l.count(at+".counts."+name, h.Model, name)
	}
}

// count checks the name of a count: one that is never counted would always be 0.
func (l *linter) count(at, model, name string) {
	if l.options.Count == nil {
		return
	}
	if err := l.options.Count(model, name); err != nil {
		l.at(mark.Error, at, "%s", err)
	}
}

func (l *linter) compile(at, text string, compile func(string) error) {
	if text == "" || compile == nil {
		return
	}
	if err := compile(text); err != nil {
		l.at(mark.Error, at, "%s", err)
	}
}

func (l *linter) steps(at string, steps []format.Step) {
	for i, s := range steps {
		if s.Inject == nil || l.options.Inject == nil {
			continue
		}
		if err := l.options.Inject(s.Inject); err != nil {
			l.at(mark.Error, fmt.Sprintf("%s[%d].inject", at, i), "%s", err)
		}
	}
}

// project checks the Compose project, as it is and in every variant.
func (l *linter) project(ctx context.Context) {
	variants := []string{""}
	if l.lab != nil {
		variants = append(variants, slices.Sorted(maps.Keys(l.lab.Variants))...)
	}
	for _, variant := range variants {
		for _, name := range l.replaced(variant) {
			if _, err := fs.Stat(l.place.files, name); err != nil {
				l.at(mark.Error, "variants."+variant, "%s is not in the lab's folder", name)
			}
		}
		lab, err := l.place.open(ctx, Options{Variant: variant, Trust: l.options.Trust, Profiles: []string{"*"}, strict: true})
		if err != nil {
			if l.lab != nil || !errors.Is(err, compose.ErrNone) || variant == "" {
				l.found = append(l.found, problemsOf(l.file(compose.Names()[0]), err)...)
			}
			continue
		}
		if _, err := plan.Want(lab.Spec()); err != nil {
			l.found = append(l.found, Finding{File: l.file(compose.Names()[0]), Severity: mark.Error, Text: err.Error()})
		}
		if variant == "" {
			l.services(lab)
		}
	}
}

// replaced are the files that a variant names.
func (l *linter) replaced(variant string) []string {
	if variant == "" || l.lab == nil {
		return nil
	}
	var names []string
	for from, to := range l.lab.Variants[variant].Files {
		names = append(names, from, to)
	}
	slices.Sort(names)
	return names
}

func (l *linter) services(lab *Lab) {
	file := filepath.Base(first(lab.Project.ComposeFiles, compose.Names()[0]))
	published := map[string]string{}
	for _, name := range lab.Project.ServiceNames() {
		s := lab.Project.Services[name]
		if own, ok := images.Own(s.Image); ok && own != images.Node && !slices.Contains(images.Names(), own) {
			l.found = append(l.found, Finding{File: l.file(file), Severity: mark.Error, Field: "services." + name + ".image",
				Text: fmt.Sprintf("service %s: there is no image %q; there are %s%s", name, s.Image, strings.Join(images.Names(), ", "), meant(own, images.Names()))})
		}
		for _, p := range s.Ports {
			key := p.HostIP + ":" + p.Published + "/" + p.Protocol
			if other, taken := published[key]; taken && p.Published != "" {
				l.found = append(l.found, Finding{File: l.file(file), Severity: mark.Error, Field: "services." + name + ".ports",
					Text: fmt.Sprintf("services %s and %s publish the same port %s", other, name, key)})
			}
			published[key] = name
		}
		if loose := unlimited(s); len(loose) > 0 {
			l.warn(file, "service %s has no %s: a lab should not be able to take the machine down, or more than it needs", name, strings.Join(loose, ", "))
		}
	}
}

func first(list []string, otherwise string) string {
	if len(list) > 0 {
		return list[0]
	}
	return otherwise
}

// unlimited names the protections that a service lacks.
func unlimited(s types.ServiceConfig) []string {
	var lacks []string
	limits := s.Deploy != nil && s.Deploy.Resources.Limits != nil
	for _, protection := range []struct {
		name string
		has  bool
	}{
		{"mem_limit", s.MemLimit > 0 || limits && s.Deploy.Resources.Limits.MemoryBytes > 0},
		{"pids_limit", s.PidsLimit > 0 || limits && s.Deploy.Resources.Limits.Pids > 0},
		{"cap_drop", len(s.CapDrop) > 0},
		{"no-new-privileges", slices.ContainsFunc(s.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "no-new-privileges") })},
	} {
		if !protection.has {
			lacks = append(lacks, protection.name)
		}
	}
	return lacks
}

// GuideHeadings are the headings that every guide has, as a word of a heading.
func GuideHeadings() []string { return []string{"predict", "do", "watch", "why"} }

func (l *linter) guide() {
	text, err := readBounded(l.place.files, GuideFile)
	if errors.Is(err, fs.ErrNotExist) {
		if l.lab != nil {
			l.warn(GuideFile, "is not there: it says what to predict, do and watch, and why it happens")
		}
		return
	}
	if err != nil {
		l.found = append(l.found, Finding{File: l.file(GuideFile), Severity: mark.Error, Text: err.Error()})
		return
	}
	headings := map[string]bool{}
	fenced := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if title, ok := strings.CutPrefix(line, "#"); ok && !fenced {
			for word := range strings.FieldsSeq(strings.ToLower(strings.Trim(title, "# \n"))) {
				headings[strings.Trim(word, ",.:!?")] = true
			}
		}
	}
	for _, want := range GuideHeadings() {
		if !headings[want] {
			l.found = append(l.found, Finding{File: l.file(GuideFile), Severity: mark.Error, Text: fmt.Sprintf("has no heading with the word %q: a guide says what to predict, do and watch, and why", want)})
		}
	}
}
