package exercise

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history"
	"github.com/ddsctl/ddsctl/scenarios/history/drive"
)

const (
	searchMost  = 20 * time.Second // for an order of operations
	keptEvents  = 8000
	keptHistory = 4 << 20 // bytes that a command may print
	keptWhy     = 2
)

// history records one, or lets a node print the one that it has kept.
func (c *collector) history(ctx context.Context, h format.History, sample *Sample) {
	var text bytes.Buffer
	var err error
	if h.Command != nil {
		err = c.printed(ctx, *h.Command, &text)
	} else {
		err = c.record(ctx, h, &text, sample)
	}
	if err != nil {
		sample.Problem = err.Error()
		return
	}
	events, err := history.Decode(&text)
	switch {
	case err != nil:
		sample.Problem = err.Error()
	case len(events) > keptEvents:
		sample.Problem = fmt.Sprintf("the history has %d events, and %d are kept", len(events), keptEvents)
	default:
		sample.Recorded, sample.History = true, events
	}
}

// printed is what a node prints of its history.
func (c *collector) printed(ctx context.Context, command format.Command, text *bytes.Buffer) error {
	timeout := command.Timeout.Std()
	if timeout == 0 {
		timeout = defaultCommand
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	code, err := c.lab.Run(ctx, command.Node, command.Run, "", text)
	switch {
	case err != nil:
		return err
	case code != command.Exit:
		return fmt.Errorf("%s in %s ended with %d: %s", strings.Join(command.Run, " "), command.Node, code, firstLine(text.String()))
	case text.Len() > keptHistory:
		return fmt.Errorf("%s printed a history of %d bytes, more than %d", command.Node, text.Len(), keptHistory)
	}
	return nil
}

// record lets the lab's traffic client record, and does the steps meanwhile. What they broke is healed when the recording is over.
func (c *collector) record(ctx context.Context, h format.History, text *bytes.Buffer, sample *Sample) error {
	spec := specOf(h, time.Now())
	ended := make(chan error, 1)
	recording, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { ended <- c.lab.RecordHistory(recording, spec, text) }()
	undo, problem := c.steps(ctx, h.During, sample)
	defer undo()
	if problem != nil {
		cancel() // it would be of something else
	}
	err := <-ended
	switch {
	case problem != nil:
		return problem
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("the recording broke off: %w", err)
	}
	return nil
}

// specOf is what is recorded. Each recording has keys of its own: values of one before would be values that nobody wrote.
func specOf(h format.History, now time.Time) drive.Spec {
	return drive.Spec{Model: history.Model(h.Model), Targets: h.Target, Clients: h.Clients, Keys: h.Keys, Rate: h.Rate, Timeout: h.Timeout, TTL: h.TTL, Hold: h.Hold,
		Serializable: h.Serializable, Unguarded: h.Unguarded, Duration: workload.Duration(h.For()), Prefix: fmt.Sprintf("exercise:%x:", now.UnixMilli())}
}

func checked(h format.History, s Sample) (history.Result, error) {
	return history.Check(s.History, history.Model(h.Model), history.Options{Timeout: searchMost})
}

// countIn is a count of the check of a history, or why there is none.
func countIn(h format.History, name string, s Sample) (float64, string) {
	result, err := checked(h, s)
	switch {
	case !s.Recorded:
		return 0, "no history was recorded"
	case err != nil:
		return 0, err.Error()
	case result.Counts[string(history.OK)] == 0:
		return 0, "no operation of the history succeeded"
	}
	if err := history.Model(h.Model).Counted(name); err != nil {
		return 0, err.Error()
	}
	return float64(result.Counts[name]), ""
}

// gradeHistory holds a history against what it must be.
func gradeHistory(h format.History, s Sample) Check {
	want := h.Verdict
	if want == "" {
		want = format.VerdictHolds
	}
	c := Check{Verdict: expect.Unknown, Expected: historyWords(h, want)}
	if !s.Recorded {
		c.Why = "no history was recorded"
		return c
	}
	result, err := checked(h, s)
	if err != nil {
		c.Why = err.Error()
		return c
	}
	c.Measured, c.Why = result.String(), strings.Join(result.Why[:min(len(result.Why), keptWhy)], "; ")
	switch {
	case want == format.VerdictAny && result.Counts[string(history.OK)] > 0:
		c.Verdict = expect.Holds
	case result.Verdict == expect.Unknown:
		return c
	case string(result.Verdict) == want:
		c.Verdict = expect.Holds
	default:
		c.Verdict = expect.Fails
	}
	for _, name := range slices.Sorted(maps.Keys(h.Counts)) {
		if err := history.Model(h.Model).Counted(name); err != nil {
			c.Verdict, c.Why = expect.Unknown, err.Error()
			return c
		}
		if !h.Counts[name].Contains(float64(result.Counts[name])) {
			c.Verdict = expect.Fails
		}
	}
	return c
}

// historyWords say what a history must be.
func historyWords(h format.History, verdict string) string {
	words := []string{map[string]string{format.VerdictHolds: "a " + h.Model + " that holds", format.VerdictFails: "a violation of the " + h.Model,
		format.VerdictAny: "a history of the " + h.Model}[verdict]}
	for _, name := range slices.Sorted(maps.Keys(h.Counts)) {
		words = append(words, name+" "+rangeWords(h.Counts[name]))
	}
	return strings.Join(words, ", ")
}
