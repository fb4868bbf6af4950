package exercise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// Lengths where an exercise does not say.
const (
	defaultSettle  = 2 * time.Second
	defaultWindow  = 10 * time.Second
	defaultCommand = 10 * time.Second
	healMost       = 30 * time.Second
	expiryMost     = 10 * time.Minute // of a fault that an attempt put in and did not live to heal
	keptOutput     = 4000
)

// Options say where an exercise is looked at.
type Options struct {
	// Slug is the lab's.
	Slug string
	// Folder is the copy of the lab that an edit task is about; nil where there is none.
	Folder fs.FS
	// Progress is told what is being done. Nil is nobody.
	Progress func(text string)
}

// ErrNoFolder says that an edit task needs a copy of the lab.
var ErrNoFolder = errors.New("this exercise is about files of a copy of the lab")

// Collect takes evidence. For a question, answer is the learner's; a number is measured only after it was given. What steps change is
// healed and set back at the end, although ctx ends.
func Collect(ctx context.Context, lab Lab, ex format.Exercise, answer string, options Options) (Evidence, error) {
	if options.Progress == nil {
		options.Progress = func(string) {}
	}
	c := &collector{lab: lab, options: options}
	evidence := Evidence{Version: EvidenceVersion, Lab: options.Slug, Exercise: ex.ID, Time: time.Now(), Answer: answer}
	if ex.Predict != nil {
		if err := understood(ex, answer); err != nil {
			return evidence, err
		}
		if n := ex.Predict.Number; n != nil {
			sample := c.measure(ctx, n.Measure)
			evidence.Measure = &sample
		}
		return evidence, ctx.Err()
	}
	checks := checksOf(ex)
	if ex.Edit != nil && options.Folder == nil {
		return evidence, hint.Wrap(fmt.Errorf("%s: %w", ex.ID, ErrNoFolder), "ddsctl lab init %s ./mine, change it, ddsctl lab apply ./mine, and check again", options.Slug)
	}
	for i, check := range checks {
		options.Progress(fmt.Sprintf("%d of %d: %s", i+1, len(checks), check.Text))
		evidence.Checks = append(evidence.Checks, c.check(ctx, ex, check))
		if ctx.Err() != nil {
			return evidence, ctx.Err()
		}
	}
	return evidence, nil
}

func checksOf(ex format.Exercise) []format.Check {
	switch {
	case ex.Do != nil:
		return ex.Do.Checks
	case ex.Edit != nil:
		return ex.Edit.Checks
	default:
		return nil
	}
}

type collector struct {
	lab     Lab
	options Options
}

// check takes one sample, again and again where the check is patient, until it holds.
func (c *collector) check(ctx context.Context, ex format.Exercise, check format.Check) Sample {
	begin := time.Now()
	for {
		sample := c.once(ctx, check)
		if grade := gradeCheck(check, sample, 1); grade.Verdict == "holds" || check.Within == 0 || time.Since(begin) >= check.Within.Std() || ctx.Err() != nil {
			return sample
		}
		pause := time.NewTimer(300 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return sample
		}
	}
}

func (c *collector) once(ctx context.Context, check format.Check) (sample Sample) {
	undo, problem := c.steps(ctx, check.Steps, &sample)
	defer undo()
	sample.From = time.Now()
	if problem != nil {
		sample.Problem = problem.Error()
		return sample
	}
	switch {
	case check.Expect != "":
		window := check.Window.Std()
		if window == 0 {
			window = defaultWindow
		}
		c.watch(ctx, window, &sample)
	case check.Command != nil:
		c.command(ctx, *check.Command, &sample)
	case check.History != nil:
		c.history(ctx, *check.History, &sample)
	case check.File != nil:
		text, err := fs.ReadFile(c.options.Folder, check.File.Path)
		sample.Read, sample.File = true, string(text)
		if err != nil {
			sample.Problem = err.Error()
		}
	}
	sample.To = time.Now()
	return sample
}

func (c *collector) measure(ctx context.Context, m format.Measure) (sample Sample) {
	undo, problem := c.steps(ctx, m.Steps, &sample)
	defer undo()
	if problem != nil {
		sample.Problem = problem.Error()
		return sample
	}
	settle, window := m.Settle.Std(), m.Window.Std()
	if settle == 0 {
		settle = defaultSettle
	}
	if window == 0 {
		window = defaultWindow
	}
	if m.History != nil {
		window = m.History.For()
	}
	c.options.Progress(fmt.Sprintf("measuring for %s", window))
	if err := wait(ctx, settle); err != nil {
		sample.Problem = err.Error()
		return sample
	}
	switch {
	case m.Command != nil:
		sample.From = time.Now()
		c.command(ctx, *m.Command, &sample)
		sample.To = time.Now()
		return sample
	case m.History != nil:
		sample.From = time.Now()
		c.history(ctx, *m.History, &sample)
		sample.To = time.Now()
		return sample
	}
	c.watch(ctx, window, &sample)
	return sample
}

// watch keeps the Snapshots that speak of the window.
func (c *collector) watch(ctx context.Context, window time.Duration, sample *Sample) {
	sample.From = time.Now()
	sample.To = sample.From.Add(window)
	watching, cancel := context.WithDeadline(ctx, sample.To.Add(2*time.Second))
	defer cancel()
	for s, err := range c.lab.Snapshots(watching) {
		if err != nil {
			if ctx.Err() == nil && watching.Err() == nil {
				sample.Problem = err.Error()
			}
			return
		}
		for _, f := range s.Faults {
			if f.Verified == "no" {
				sample.Blunt = f.Kind + " " + f.Target
			} else if f.Verified == "yes" && sample.Blunt == f.Kind+" "+f.Target {
				sample.Blunt = ""
			}
		}
		if s.Time.After(sample.From) {
			sample.Snapshots = append(sample.Snapshots, s)
		}
		if !s.Time.Before(sample.To) {
			sample.To = s.Time
			return
		}
	}
	if len(sample.Snapshots) == 0 && sample.Problem == "" {
		sample.Problem = "the lab told nothing"
	}
}

func (c *collector) command(ctx context.Context, command format.Command, sample *Sample) {
	timeout := command.Timeout.Std()
	if timeout == 0 {
		timeout = defaultCommand
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var out bytes.Buffer
	code, err := c.lab.Run(ctx, command.Node, command.Run, "", &out)
	text := strings.TrimSpace(strings.ToValidUTF8(out.String(), "?"))
	sample.Ran, sample.Exit, sample.Output = true, code, text[:min(len(text), keptOutput)]
	if err != nil {
		sample.Problem = err.Error()
	}
}

// steps does what comes before a sample, and gives what undoes it.
func (c *collector) steps(ctx context.Context, steps []format.Step, sample *Sample) (undo func(), err error) {
	var ids []string
	changed := false
	undo = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healMost)
		defer cancel()
		if len(ids) > 0 {
			if err := c.lab.Heal(ctx, ids...); err != nil && sample.Problem == "" {
				sample.Problem = "heal what the check broke: " + err.Error()
			}
		}
		if changed {
			if err := c.lab.RestoreTraffic(ctx); err != nil && sample.Problem == "" {
				sample.Problem = "give the lab its own traffic back: " + err.Error()
			}
		}
	}
	for _, step := range steps {
		switch {
		case step.Inject != nil:
			var spec fault.Spec
			if spec, err = fault.Parse(step.Inject); err != nil {
				return undo, err
			}
			c.options.Progress("inject " + strings.Join(step.Inject, " "))
			if spec.For == 0 && spec.Kind != "restart" {
				spec.For = expiryMost
			}
			faults, err := c.lab.Inject(ctx, spec)
			for _, f := range faults {
				ids = append(ids, f.ID)
				if f.Verified == "no" {
					sample.Blunt = f.Kind + " " + f.Target
				}
			}
			if err != nil {
				return undo, err
			}
		case step.Heal:
			err = c.lab.HealAll(ctx)
		case step.Traffic != nil:
			rate := step.Traffic.Rate
			changed = true
			err = c.lab.SetTraffic(ctx, step.Traffic.Workload, workload.Change{Rate: &rate})
		case step.Run != nil:
			var done Sample
			c.command(ctx, *step.Run, &done)
			if done.Problem != "" {
				err = errors.New(done.Problem)
			} else if grade := gradeCommand(*step.Run, done); grade.Verdict != "holds" {
				err = fmt.Errorf("run in %s: expected %s, got %s", step.Run.Node, grade.Expected, grade.Measured)
			}
		case step.Wait > 0:
			err = wait(ctx, step.Wait.Std())
		}
		if err != nil {
			return undo, err
		}
	}
	return undo, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
