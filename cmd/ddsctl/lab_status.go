package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/status"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// labStatus and nodeStatus are the JSON form of a running lab: part of the contract.
type labStatus struct {
	Name     string       `json:"name"`
	Lab      string       `json:"lab"`
	Source   string       `json:"source"`
	Attached bool         `json:"attached,omitempty"` // somebody else has started it
	Ready    bool         `json:"ready"`              // every node is ready, or runs where nobody can tell
	Nodes    []nodeStatus `json:"nodes"`
	Networks []string     `json:"networks"`
	Volumes  []string     `json:"volumes"`
}

type nodeStatus struct {
	Name      string           `json:"name"`
	Service   string           `json:"service"`
	Number    int              `json:"number"`
	Helper    string           `json:"helper,omitempty"`
	Phase     engine.Phase     `json:"phase"`
	Health    telemetry.Health `json:"health"`
	Problem   string           `json:"problem,omitempty"`
	Image     string           `json:"image"`
	Ports     []engine.Port    `json:"ports"`
	Container string           `json:"container"`
	ID        string           `json:"id"`
	Started   *time.Time       `json:"started,omitempty"`
	Finished  *time.Time       `json:"finished,omitempty"`
	ExitCode  *int             `json:"exit_code,omitempty"`
	Restarts  int              `json:"restarts"`
}

type statusOptions struct{ all bool }

func newLabStatusCommand(a *app) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:     "status [LAB]",
		Aliases: []string{"ps"},
		Short:   "Show the nodes of running labs: phase, health, ports, image, uptime",
		Long: `Shows every node of a running lab: its phase, whether its readiness probes hold right now, what it publishes, its image, and for how
long it has run. Without LAB all running labs are shown.`,
		Example: `  ddsctl lab status
  ddsctl lab status sharded-redis -o json`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeLab,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.labStatus(cmd.Context(), o, args) },
	}
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "also ddsctl's own containers in the lab")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) labStatus(ctx context.Context, o statusOptions, args []string) error {
	running, err := a.running(ctx)
	if err != nil {
		return err
	}
	if len(args) == 1 {
		lab, err := pick(running, args[0])
		if err != nil {
			return err
		}
		running = []runningLab{lab}
	}
	all := []labStatus{}
	for _, lab := range running {
		if lab, err = a.healOverdue(ctx, lab); err != nil {
			return err
		}
		one, err := a.statusOf(ctx, lab, o)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	if a.format != output.Table {
		return a.print(all, nil, nil)
	}
	if len(all) == 0 {
		a.say("no lab is running; `ddsctl lab list` shows what can be started")
		return nil
	}
	for i, one := range all {
		if i > 0 {
			_, _ = fmt.Fprintln(a.stdout)
		}
		if err := a.printStatus(one); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) statusOf(ctx context.Context, lab runningLab, o statusOptions) (labStatus, error) {
	client, err := a.engine(ctx)
	if err != nil {
		return labStatus{}, err
	}
	var options status.Options
	if spec, ok := a.specOf(ctx, lab); ok {
		options = lookOptions(spec)
	}
	options.Dialer = dialer(client.Address())
	nodes, err := status.Of(ctx, client, lab.state.Containers, options)
	if err != nil {
		return labStatus{}, err
	}
	result := labStatus{Name: lab.name, Lab: lab.slug, Source: lab.source, Attached: lab.attached(), Ready: true, Nodes: []nodeStatus{}, Networks: []string{}, Volumes: []string{}}
	for _, n := range nodes {
		if n.Container.Helper() == "" || o.all {
			result.Nodes = append(result.Nodes, nodeStatusOf(n))
		}
		if n.Container.Helper() == "" && n.Health != telemetry.HealthReady && n.Health != telemetry.HealthUnknown && !done(n) {
			result.Ready = false
		}
	}
	for _, n := range lab.state.Networks {
		result.Networks = append(result.Networks, n.Name)
	}
	for _, v := range lab.state.Volumes {
		result.Volumes = append(result.Volumes, v.Name)
	}
	result.Ready = result.Ready && len(nodes) > 0
	return result, nil
}

// done says that a container has ended well, as one that runs once does.
func done(n status.Node) bool {
	return n.Container.Phase == engine.PhaseExited && n.Container.ExitCode == 0 && !n.Life.Started.IsZero()
}

func nodeStatusOf(n status.Node) nodeStatus {
	c := n.Container
	s := nodeStatus{Name: n.Name, Service: c.Service, Number: c.Number, Helper: c.Helper(), Phase: c.Phase, Health: n.Health, Problem: n.Problem,
		Image: c.Image, Ports: c.Ports, Container: c.Name, ID: c.ID, Restarts: n.Life.Restarts}
	if s.Ports == nil {
		s.Ports = []engine.Port{}
	}
	if !n.Life.Started.IsZero() {
		s.Started = &n.Life.Started
	}
	if !n.Life.Finished.IsZero() {
		s.Finished = &n.Life.Finished
	}
	if c.Phase == engine.PhaseExited {
		s.ExitCode = &c.ExitCode
	}
	return s
}

func (a *app) printStatus(s labStatus) error {
	title := s.Name
	if s.Lab != s.Name {
		title += " (" + s.Lab + ")"
	}
	if s.Source != "catalogue" && s.Source != "" {
		title += " from " + s.Source
	}
	if s.Attached {
		title += ", attached"
	}
	if _, err := fmt.Fprintln(a.stdout, title); err != nil {
		return err
	}
	rows := make([][]string, 0, len(s.Nodes))
	for _, n := range s.Nodes {
		rows = append(rows, []string{"  " + n.Name, a.phase(n), a.health(n), portWords(n.Ports), imageWords(n.Image), uptime(n, time.Now())})
	}
	return a.print(s, []string{"  NODE", "PHASE", "HEALTH", "PORTS", "IMAGE", "UPTIME"}, rows)
}

func (a *app) phase(n nodeStatus) string {
	text := string(n.Phase)
	if n.ExitCode != nil {
		text = fmt.Sprintf("%s (%d)", n.Phase, *n.ExitCode)
	}
	if n.Phase == engine.PhaseRunning {
		return text
	}
	return a.paint(text, lipgloss.NewStyle().Foreground(lipgloss.Yellow))
}

func (a *app) health(n nodeStatus) string {
	text, style := string(n.Health), lipgloss.NewStyle()
	switch n.Health {
	case telemetry.HealthReady:
		style = style.Foreground(lipgloss.Green)
	case telemetry.HealthFailing, telemetry.HealthDown:
		style = style.Foreground(lipgloss.Red)
	case telemetry.HealthUnknown:
		text = "-"
	}
	if n.Problem != "" {
		text += ": " + n.Problem
	}
	return a.paint(text, style)
}

// paint colours a word on standard output where that takes colours.
func (a *app) paint(text string, style lipgloss.Style) string {
	if !a.color(a.stdout) {
		return text
	}
	return style.Render(text)
}

// imageWords is an image's name, or the start of its ID where its name now means another image.
func imageWords(image string) string {
	if strings.HasPrefix(image, "sha256:") {
		return shortID(image)
	}
	return image
}

// portWords is 127.0.0.1:22121->22121, the same on both kinds of addresses once.
func portWords(ports []engine.Port) string {
	var words []string
	for _, p := range ports {
		host := p.HostIP.String()
		if !p.HostIP.IsValid() || p.HostIP.IsUnspecified() {
			host = "*"
		}
		word := fmt.Sprintf("%s:%d->%d", host, p.Host, p.Container)
		if p.Protocol == "udp" {
			word += "/udp"
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// uptime is for how long a node has run, or not.
func uptime(n nodeStatus, now time.Time) string {
	switch {
	case n.Started == nil:
		return "never started"
	case n.Finished != nil:
		return "ended " + output.Age(now.Sub(*n.Finished)) + " ago"
	}
	return output.Age(now.Sub(*n.Started))
}
