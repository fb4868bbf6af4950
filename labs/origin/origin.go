// Package origin tells where a running lab came from and how it was asked for, and reads it again in the same way.
//
//	from := origin.Of(state)
//	lab, err := from.Open(ctx, "sharded-redis", nil)
//
// The containers' labels say so (ADR 1).
package origin

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Asked is how a lab was asked for, as far as that changes what its files say. engine.LabelOptions keeps it as JSON.
type Asked struct {
	Files     []string `json:"files,omitempty"` // absolute, where they come from a running lab
	Profiles  []string `json:"profiles,omitempty"`
	Variant   string   `json:"variant,omitempty"`
	Trust     bool     `json:"trust,omitempty"`
	FreePorts bool     `json:"free_ports,omitempty"` // publish on free ports, not on those that the lab names
	NoTraffic bool     `json:"no_traffic,omitempty"` // start no workload with the lab
}

// Open reads a lab in this way: a slug of the catalogue, a folder or a Compose file. Name is the running instance's, "" the lab's own;
// environment is what variables in a folder's Compose file stand for.
func (a Asked) Open(ctx context.Context, ref, name string, environment map[string]string) (*labs.Lab, error) {
	lab, err := labs.Open(ctx, ref, labs.Options{Name: name, Variant: a.Variant, Trust: a.Trust, Profiles: a.Profiles, Files: a.Files,
		Environment: environment})
	if err != nil || !a.FreePorts {
		return lab, err
	}
	for name, service := range lab.Project.Services {
		service.Ports = append(service.Ports[:0:0], service.Ports...)
		for i := range service.Ports {
			service.Ports[i].Published = ""
		}
		lab.Project.Services[name] = service
	}
	return lab, nil
}

// Words are what is kept of a with the lab: JSON with absolute paths, "" where nothing was asked for.
func (a Asked) Words() (string, error) {
	files := make([]string, len(a.Files))
	for i, file := range a.Files {
		var err error
		if files[i], err = filepath.Abs(file); err != nil {
			return "", err
		}
	}
	a.Files = files
	text, err := json.Marshal(a)
	if err != nil || string(text) == "{}" {
		return "", err
	}
	return string(text), nil
}

// Origin is where a running lab came from.
type Origin struct {
	Slug   string // of the lab it was made from
	Source string // labs.SourceCatalogue, or the folder or file it was read from; "" where nothing says
	// Options are the words in which it was asked for, Asked what they say. Another version's words are as good as none.
	Options string
	Asked   Asked
	// Attached says that ddsctl stands beside a project that somebody else has started: labs/attached reads it.
	Attached bool
}

// Of reads the origin of a running project.
func Of(state engine.State) Origin {
	speaker := newest(state)
	o := Origin{Slug: label(state, speaker, engine.LabelLab), Source: label(state, speaker, engine.LabelSource), Options: speaker.Labels[engine.LabelOptions],
		Attached: state.Attached()}
	o.Asked = asked(speaker)
	for _, c := range state.Containers {
		if c.Helper() == engine.HelperClient { // what traffic there is, it alone makes
			o.Asked.NoTraffic = asked(c).NoTraffic
		}
	}
	return o
}

// newest is the container that was made last; none where there is none. Those that an `up` had no reason to change keep the words of an
// earlier one. Of ddsctl's helpers only the one counts that is made anew for other words.
func newest(state engine.State) engine.Container {
	var last engine.Container
	attached := state.Attached()
	for _, c := range state.Containers {
		if attached && !c.Attached() {
			continue // not ddsctl's
		}
		if c.Helper() != "" && c.Labels[engine.LabelAsked] == "" {
			continue
		}
		// The helper is never older than what it was made beside.
		if last.ID == "" || c.Created.After(last.Created) || c.Helper() != "" && !c.Created.Before(last.Created) {
			last = c
		}
	}
	return last
}

// label is what the lab's things say under a label: the speaker before all.
func label(state engine.State, speaker engine.Container, key string) string {
	if v := speaker.Labels[key]; v != "" {
		return v
	}
	for _, c := range state.Containers {
		if v := c.Labels[key]; v != "" {
			return v
		}
	}
	for _, n := range state.Networks {
		if v := n.Labels[key]; v != "" {
			return v
		}
	}
	for _, v := range state.Volumes {
		if v := v.Labels[key]; v != "" {
			return v
		}
	}
	return ""
}

func asked(c engine.Container) Asked {
	var a Asked
	if json.Unmarshal([]byte(c.Labels[engine.LabelOptions]), &a) != nil {
		return Asked{}
	}
	return a
}

// Ref is the lab as labs.Open takes it.
func (o Origin) Ref() string {
	if o.Source == labs.SourceCatalogue {
		return o.Slug
	}
	return o.Source
}

// Open reads anew the lab that a project was made from, in the way it was asked for.
func (o Origin) Open(ctx context.Context, project string, environment map[string]string) (*labs.Lab, error) {
	if o.Source == "" {
		return nil, fmt.Errorf("nothing says where %s was read from", project)
	}
	return o.Asked.Open(ctx, o.Ref(), project, environment)
}
