package topz

import (
	"context"
	"fmt"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// System is the machine's processes, as far as the PID namespace shows them.
type System struct{}

// Processes reads them all. One that ends meanwhile is left out.
func (System) Processes(ctx context.Context) ([]Reading, error) {
	all, err := process.ProcessesWithContext(ctx)
	if err != nil {
		return nil, err
	}
	var list []Reading
	for _, p := range all {
		if r, err := read(ctx, p); err == nil {
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("none of %d can be read", len(all))
	}
	return list, nil
}

func read(ctx context.Context, p *process.Process) (Reading, error) {
	r := Reading{PID: int(p.Pid)}
	times, err := p.TimesWithContext(ctx)
	if err != nil {
		return r, err
	}
	r.CPU = time.Duration((times.User + times.System) * float64(time.Second))
	memory, err := p.MemoryInfoWithContext(ctx)
	if err != nil {
		return r, err
	}
	r.Memory = int64(memory.RSS)
	if r.Command, err = p.CmdlineWithContext(ctx); err != nil || r.Command == "" { // a kernel's thread has no command line
		if r.Command, err = p.NameWithContext(ctx); err != nil {
			return r, err
		}
	}
	if started, err := p.CreateTimeWithContext(ctx); err == nil {
		r.Started = time.UnixMilli(started)
	}
	if parent, err := p.PpidWithContext(ctx); err == nil {
		r.Parent = int(parent)
	}
	if uids, err := p.UidsWithContext(ctx); err == nil && len(uids) > 0 {
		r.UID = uids[0]
	}
	if threads, err := p.NumThreadsWithContext(ctx); err == nil {
		r.Threads = int(threads)
	}
	return r, nil
}
