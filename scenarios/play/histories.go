package play

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history"
	"github.com/ddsctl/ddsctl/scenarios/history/drive"
	"github.com/ddsctl/ddsctl/scenarios/record"
)

// recording is the histories that are recorded beside a run.
type recording struct {
	player *player
	group  sync.WaitGroup
	parts  []*part
}

type part struct {
	spec   drive.Spec
	start  time.Time
	events bytes.Buffer
	err    error
}

// startHistories begins to record; the histories end with the run's length.
func (p *player) startHistories(ctx context.Context) *recording {
	r := &recording{player: p}
	for _, spec := range p.script.Histories {
		spec = spec.WithDefaults()
		if length := p.script.Length(); spec.Duration == 0 || spec.Duration.Std() > length {
			spec.Duration = workload.Duration(length)
		}
		if spec.Seed == 1 {
			spec.Seed = p.seed
		}
		one := &part{spec: spec, start: time.Now()}
		// What an earlier run has left in a lab that keeps its data would be read as values that nobody wrote.
		one.spec.Prefix = fmt.Sprintf("%s%x:", spec.Prefix, one.start.UnixMilli())
		spec = one.spec
		r.parts = append(r.parts, one)
		r.group.Go(func() { one.err = p.lab.RecordHistory(ctx, spec, &one.events) })
	}
	return r
}

// wait waits for the histories' end, and checks them. A fault is drawn as a lane on the picture of each.
func (r *recording) wait(ctx context.Context, faults []record.Fault) []record.History {
	r.group.Wait()
	var all []record.History
	for _, one := range r.parts {
		all = append(all, r.check(ctx, one, faults))
	}
	return all
}

func (r *recording) check(ctx context.Context, one *part, faults []record.Fault) record.History {
	found := record.History{Name: one.spec.Name, Target: one.spec.Targets[0], Result: history.Result{Model: one.spec.Model, Verdict: expect.Unknown}}
	unknown := func(why string) record.History {
		found.Result.Verdict = expect.Unknown
		found.Result.Why = append(found.Result.Why, why)
		return found
	}
	raw := bytes.Clone(one.events.Bytes())
	if err := r.save(one.spec.Name+".jsonl", raw, &found.File); err != nil {
		return unknown("the history could not be kept: " + err.Error())
	}
	events, err := history.Decode(bytes.NewReader(raw))
	if err != nil {
		return unknown(err.Error())
	}
	var picture bytes.Buffer
	options := history.Options{Visualization: &picture}
	offset := r.player.record.Start.Sub(one.start)
	for _, f := range faults {
		options.Faults = append(options.Faults, history.Lane{Name: f.Label(), Start: max(0, f.Start+offset), End: f.End + offset})
	}
	if found.Result, err = history.Check(events, one.spec.Model, options); err != nil {
		return unknown(err.Error())
	}
	if one.err != nil && ctx.Err() == nil { // a history with a gap proves nothing, but what it disproves stands
		if found.Result.Verdict == expect.Holds {
			return unknown("the recording broke off: " + one.err.Error())
		}
		found.Result.Why = append(found.Result.Why, "the recording broke off: "+one.err.Error())
	}
	if picture.Len() > 0 {
		if err := r.save(one.spec.Name+".html", picture.Bytes(), &found.Visualization); err != nil {
			found.Result.Why = append(found.Result.Why, "the picture could not be kept: "+err.Error())
		}
	}
	return found
}

// save writes a file beside the record, where there is a place for it.
func (r *recording) save(name string, content []byte, as *string) error {
	open := r.player.options.HistoryFile
	if open == nil || len(content) == 0 {
		return nil
	}
	file, err := open(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, bytes.NewReader(content))
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		*as = name
	}
	return err
}
