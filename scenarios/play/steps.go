package play

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/record"
	"github.com/ddsctl/ddsctl/scenarios/script"
)

// phases plays one phase after another.
func (p *player) phases(ctx context.Context) {
	number := 0
	for _, phase := range p.script.Phases {
		if ctx.Err() != nil {
			return
		}
		p.tell(Event{Kind: EventPhase, Phase: phase.Name, Text: phase.For.String()})
		start := time.Now()
		p.record.Phases = append(p.record.Phases, record.Phase{Name: phase.Name, Start: start.Sub(p.record.Start)})
		current := &p.record.Phases[len(p.record.Phases)-1]
		over, end := context.WithDeadlineCause(ctx, start.Add(phase.For.Std()), errPhaseOver)
		for _, change := range phase.Traffic {
			p.do(ctx, script.Step{Traffic: &change}, phase.Name, number, "")
		}
		for _, step := range phase.Steps {
			number++
			p.step(ctx, over, step, phase.Name, start, number)
		}
		if phase.Until == "" {
			<-over.Done()
		} else if met := p.await(over, phase.Until); met == nil {
			p.tell(Event{Kind: EventPhase, Phase: phase.Name, Text: "over: " + phase.Until})
		}
		end()
		current.End = time.Since(p.record.Start)
	}
}

var errPhaseOver = errors.New("the phase is over")

// step waits until the step's time and condition have come, and does it. Steps are done one after another; one that is late because of
// the step before it is done at once. ctx is the run's, over the phase's.
func (p *player) step(ctx, over context.Context, step script.Step, phase string, start time.Time, number int) {
	if wait := time.Until(start.Add(step.At.Std())); step.At > 0 && wait > 0 {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done(): // a step at the phase's very end is done
			timer.Stop()
			return
		}
	}
	if step.When != "" {
		patient := over
		if step.Within > 0 {
			var cancel context.CancelFunc
			patient, cancel = context.WithTimeoutCause(over, step.Within.Std(), fmt.Errorf("it did not hold within %s", step.Within))
			defer cancel()
		}
		p.tell(Event{Kind: EventWait, Phase: phase, Text: step.When})
		if err := p.await(patient, step.When); err != nil {
			if ctx.Err() == nil {
				p.keep(record.Step{Name: step.Name, Phase: phase, Kind: step.Kind(), Text: step.Words(), State: record.Skipped, When: step.When,
					At: time.Since(p.record.Start), Error: err.Error()})
			}
			return
		}
	}
	if ctx.Err() == nil {
		p.do(ctx, step, phase, number, step.When)
	}
}

// await returns nil once the condition holds, and the reason when ctx ends before.
func (p *player) await(ctx context.Context, text string) error {
	condition, err := expect.CompileCondition(text)
	if err != nil {
		return err
	}
	for {
		snapshots, changed, lost := p.seen()
		if n := len(snapshots); n > 0 && condition.Met(snapshots, snapshots[n-1].Time) {
			return nil
		}
		if lost != nil {
			return lost
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p *player) keep(s record.Step) {
	p.record.Steps = append(p.record.Steps, s)
	p.tell(Event{Kind: EventStep, Phase: s.Phase, Text: s.Text, Step: &s})
}

// do carries a step out and records it.
func (p *player) do(ctx context.Context, step script.Step, phase string, number int, when string) {
	done := record.Step{Name: step.Name, Phase: phase, Kind: step.Kind(), Text: step.Words(), State: record.Done, When: when, At: time.Since(p.record.Start)}
	begin := time.Now()
	var err error
	switch {
	case step.Inject != nil:
		err = p.inject(ctx, step, number, &done)
	case step.Heal != "":
		err = p.heal(ctx, step.Heal)
	case step.Traffic != nil:
		p.trafficChanged = true
		err = p.lab.SetTraffic(ctx, step.Traffic.Workload, step.Traffic.Change())
	case step.Scale != nil:
		err = p.lab.Scale(ctx, step.Scale)
	case step.Run != nil:
		done.Output, err = p.run(ctx, *step.Run)
	}
	done.Took = time.Since(begin)
	if err != nil {
		if ctx.Err() != nil {
			return // the run was interrupted: the step did not fail
		}
		done.State, done.Error = record.Failed, err.Error()
	}
	p.keep(done)
}

// inject puts a fault in, with an expiry soon after the run's end, and a seed for what it draws.
func (p *player) inject(ctx context.Context, step script.Step, number int, done *record.Step) error {
	spec, err := fault.Parse(step.Inject)
	if err != nil {
		return err
	}
	left := p.script.Length() - time.Since(p.record.Start)
	if spec.For == 0 && spec.Kind != "restart" {
		spec.For = max(left, 0) + expiryAfter
	}
	if spec.Random && spec.Seed == 0 {
		spec.Seed = rand.New(rand.NewPCG(p.seed, uint64(number))).Uint64()
	}
	faults, err := p.lab.Inject(ctx, spec)
	for _, f := range faults {
		p.injected = append(p.injected, f.ID)
		if step.Name != "" {
			p.stepFaults[step.Name] = append(p.stepFaults[step.Name], f.ID)
		}
		done.Fault = f.ID
	}
	if spec.Random && len(faults) > 0 {
		done.Text = strings.TrimSpace(spec.Kind + " " + faults[0].Target + " (drawn)")
	}
	return err
}

func (p *player) heal(ctx context.Context, what string) error {
	if what == "all" {
		return p.lab.HealAll(ctx)
	}
	ids := p.stepFaults[what]
	if len(ids) == 0 {
		return fmt.Errorf("step %s put no fault in", what)
	}
	return p.lab.Heal(ctx, ids...)
}

const (
	commandTimeout = 10 * time.Second
	keptOutput     = 2000
)

func (p *player) run(ctx context.Context, c script.Command) (string, error) {
	timeout := c.Timeout.Std()
	if timeout == 0 {
		timeout = commandTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var out bytes.Buffer
	code, err := p.lab.Run(ctx, c.Node, c.Run, c.User, &out)
	text := strings.TrimSpace(out.String())
	shown := text
	if len(shown) > keptOutput {
		shown = "…" + strings.ToValidUTF8(shown[len(shown)-keptOutput:], "")
	}
	switch {
	case err != nil:
		return shown, err
	case code != c.Exit:
		return shown, fmt.Errorf("exit code %d instead of %d", code, c.Exit)
	}
	if c.Match != "" {
		match, err := regexp.Compile(c.Match)
		if err != nil {
			return shown, err
		}
		if !match.MatchString(text) {
			return shown, fmt.Errorf("the output does not match %s", c.Match)
		}
	}
	return shown, nil
}
