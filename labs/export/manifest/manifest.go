// Package manifest says a lab in the words of Kubernetes: Deployments, StatefulSets for what keeps data, Jobs for what ends, Services, ConfigMaps,
// Secrets, claims, and NetworkPolicies from the lab's links.
//
//	text, err := manifest.Of(lab)
//
// The same lab gives the same text. Services that share a namespace in Compose (`network_mode: service:NAME`, `pid: service:NAME`) become one Pod
// with several containers. What Kubernetes has no word for is said in a comment at the top of the text.
package manifest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/export/manifest/kube"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// Labels of every object.
const (
	labelName = "app.kubernetes.io/name"
	labelPart = "app.kubernetes.io/part-of"
)

// Of is the lab as a stream of YAML documents.
func Of(lab *labs.Lab) ([]byte, error) {
	desired, err := plan.Want(lab.Spec())
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", lab.Slug, err)
	}
	w := &writer{lab: lab, services: map[string]plan.Service{}, pods: map[string]*pod{}, of: map[string]*pod{}, ports: map[string][]port{},
		configs: map[string]bool{}, claims: map[string]bool{}}
	for _, s := range desired.Services {
		w.services[s.Name] = s
	}
	w.group()
	w.findPorts()
	for _, name := range slices.Sorted(maps.Keys(w.pods)) {
		w.workload(w.pods[name])
		w.serve(w.pods[name])
	}
	w.policies()
	w.general()
	return w.text()
}

// entry is an object with what it is sorted by.
type entry struct {
	kind, name string
	object     any
}

// kinds are in the order in which they are written: what others refer to comes first.
var kinds = []string{"ConfigMap", "Secret", "PersistentVolumeClaim", "Service", "Deployment", "StatefulSet", "Job", "NetworkPolicy"}

type writer struct {
	lab      *labs.Lab
	services map[string]plan.Service
	pods     map[string]*pod   // by name
	of       map[string]*pod   // by service
	ports    map[string][]port // by service
	configs  map[string]bool   // "configs/NAME", written already
	claims   map[string]bool
	entries  []entry
	notes    []string
}

// note says what Kubernetes has no word for, or what became of it.
func (w *writer) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

func (w *writer) add(kind, name string, object any) {
	w.entries = append(w.entries, entry{kind, name, object})
}

func (w *writer) labels(name string) map[string]string {
	return map[string]string{labelName: name, labelPart: label(w.lab.Project.Name)}
}

func (w *writer) meta(name string) kube.ObjectMeta {
	return kube.ObjectMeta{Name: name, Labels: w.labels(name)}
}

func (w *writer) selector(name string) *kube.LabelSelector {
	return &kube.LabelSelector{MatchLabels: w.labels(name)}
}

// general are the notes about the lab as a whole.
func (w *writer) general() {
	if slices.ContainsFunc(w.lab.Project.ServiceNames(), func(name string) bool { return len(w.lab.Project.Services[name].DependsOn) > 0 }) {
		w.note("depends_on: Pods start all at once; one that needs another is restarted until that is there")
	}
	var own []string
	for _, name := range w.lab.Project.ServiceNames() {
		s := w.lab.Project.Services[name]
		if image := cmp.Or(s.Image, w.lab.Project.Name+"-"+name); s.Build != nil || strings.HasPrefix(image, "ddsctl/") {
			own = append(own, image)
		}
	}
	slices.Sort(own)
	if own = slices.Compact(own); len(own) > 0 {
		w.note("images that no registry has must be brought into the cluster, as by `kind load docker-image`: %s", strings.Join(own, ", "))
	}
}

func (w *writer) text() ([]byte, error) {
	slices.SortStableFunc(w.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.kind), slices.Index(kinds, b.kind)), cmp.Compare(a.name, b.name))
	})
	var out bytes.Buffer
	fmt.Fprintf(&out, "# %s, as `ddsctl lab export --format kubernetes` says it.\n", oneLine(w.lab.Title))
	if len(w.notes) > 0 {
		out.WriteString("#\n# What differs from Compose:\n")
	}
	slices.Sort(w.notes)
	for _, note := range slices.Compact(w.notes) {
		fmt.Fprintf(&out, "# - %s\n", oneLine(note))
	}
	for _, e := range w.entries {
		text, err := encode(e.object)
		if err != nil {
			return nil, fmt.Errorf("export %s %s: %w", e.kind, e.name, err)
		}
		out.WriteString("---\n")
		out.Write(text)
	}
	return out.Bytes(), nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// encode writes an object with its keys in the order of the alphabet.
func encode(object any) ([]byte, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(whole(fields)), encoder.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// whole turns numbers, all of which are whole ones, from texts.
func whole(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			value[key] = whole(inner)
		}
	case []any:
		for i, inner := range value {
			value[i] = whole(inner)
		}
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return n
		}
	}
	return value
}
