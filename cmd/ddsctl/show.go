package main

import (
	"fmt"
	"strings"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// show puts what happens on a progress display: an image, a network, a volume or a container a line.
func show(p *output.Progress) launch.Show {
	stages := map[string]string{}
	return launch.Show{Image: func(i engine.ImageProgress) { showImage(p, stages, i) }, Step: func(s lifecycle.Progress) { showStep(p, s) }}
}

func showImage(p *output.Progress, stages map[string]string, i engine.ImageProgress) {
	key, label := "image "+i.Image, "image "+i.Image
	if i.Stage == engine.StageReady {
		if i.Text == "present" {
			p.Drop(key) // nothing happened
		} else {
			p.Update(key, label, output.Done, i.Text)
		}
		return
	}
	if stages[i.Image] != i.Stage { // without a live display a build would be minutes of silence
		stages[i.Image] = i.Stage
		p.Say(label + ": " + i.Stage + " ...")
	}
	text := strings.TrimSpace(i.Stage + " " + i.Text)
	if i.Total > 0 {
		text += fmt.Sprintf(" %d%%", min(100, 100*i.Current/i.Total))
	}
	p.Update(key, label, output.Working, text)
}

// doing and did are a step's words while it runs and when it is over.
var (
	doing = map[plan.Kind]string{
		plan.CreateNetwork: "creating", plan.CreateVolume: "creating", plan.CreateContainer: "creating", plan.StartContainer: "starting",
		plan.StopContainer: "stopping", plan.ResumeContainer: "resuming", plan.RemoveContainer: "removing", plan.RemoveNetwork: "removing",
		plan.RemoveVolume: "removing", plan.WaitReady: "waiting until it is ready",
	}
	did = map[plan.Kind]string{
		plan.CreateNetwork: "created", plan.CreateVolume: "created", plan.CreateContainer: "created", plan.StartContainer: "started",
		plan.StopContainer: "stopped", plan.ResumeContainer: "resumed", plan.RemoveContainer: "removed", plan.RemoveNetwork: "removed",
		plan.RemoveVolume: "removed", plan.WaitReady: "ready",
	}
)

func showStep(p *output.Progress, s lifecycle.Progress) {
	label := s.Node
	switch s.Kind {
	case "":
		p.Update("lock", s.Object, output.Working, s.Text)
		p.Say(s.Text)
		return
	case plan.CreateNetwork, plan.RemoveNetwork:
		label = "network " + s.Object
	case plan.CreateVolume, plan.RemoveVolume:
		label = "volume " + s.Object
	}
	p.Drop("lock")
	switch s.State {
	case lifecycle.StepStarted:
		text := doing[s.Kind]
		if _, what, found := strings.Cut(s.Text, " is ready: "); found && s.Kind == plan.WaitReady {
			text = "waiting for " + what
		}
		p.Update(label, label, output.Working, text)
	case lifecycle.StepFailed:
		p.Update(label, label, output.Failed, "failed")
	case lifecycle.StepSkipped:
		if s.Last && s.Kind == plan.WaitReady {
			p.Update(label, label, output.Done, "started, not waited for")
		} else if s.Last {
			p.Update(label, label, output.Skipped, "left out")
		}
	case lifecycle.StepDone:
		if s.Last {
			p.Update(label, label, output.Done, did[s.Kind])
		} else {
			p.Update(label, label, output.Working, did[s.Kind])
		}
	}
}
