package live

import (
	"context"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/traffic/client"
)

// Traffic speaks to the lab's traffic client.
func (l *Lab) Traffic(ctx context.Context) (*client.Client, error) {
	connection, err := l.Client(ctx)
	if err != nil {
		return nil, err
	}
	return client.Dial(connection), nil
}

// StartTraffic starts workloads; without any, all of the lab's own that do not run.
func (l *Lab) StartTraffic(ctx context.Context, specs ...workload.Spec) error {
	c, err := l.Traffic(ctx)
	if err != nil {
		return err
	}
	if len(specs) == 0 {
		_, err = c.StartOwn(ctx)
	} else {
		_, err = c.Start(ctx, specs...)
	}
	return err
}

// StopTraffic stops every workload.
func (l *Lab) StopTraffic(ctx context.Context) error {
	c, err := l.Traffic(ctx)
	if err != nil {
		return err
	}
	_, err = c.Stop(ctx)
	return err
}

// SetTraffic changes a workload that runs, all of them where the name is empty.
func (l *Lab) SetTraffic(ctx context.Context, name string, change workload.Change) error {
	c, err := l.Traffic(ctx)
	if err != nil {
		return err
	}
	_, err = c.Set(ctx, name, change)
	return err
}

// RestoreTraffic gives the lab its own traffic back, as it was when the lab came up.
func (l *Lab) RestoreTraffic(ctx context.Context) error {
	c, err := l.Traffic(ctx)
	if err != nil {
		return err
	}
	return c.Restore(ctx)
}
