package live

import (
	"context"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// journal is the lab's wire helper for whoever does not want to know of connections: each call uses the one that stands.
type journal struct{ lab *Lab }

func (j journal) Put(ctx context.Context, r wire.Record) (wire.Record, error) {
	client, err := j.lab.Wire(ctx)
	if err != nil {
		return wire.Record{}, err
	}
	return client.Put(ctx, r)
}

func (j journal) Delete(ctx context.Context, id string) error {
	client, err := j.lab.Wire(ctx)
	if err != nil {
		return err
	}
	return client.Delete(ctx, id)
}

func (j journal) Records(ctx context.Context) ([]wire.Record, error) {
	client, err := j.lab.Wire(ctx)
	if err != nil {
		return nil, err
	}
	return client.Records(ctx)
}

func (j journal) Inject(ctx context.Context, f wire.Fault) (wire.State, error) {
	client, err := j.lab.Wire(ctx)
	if err != nil {
		return wire.State{}, err
	}
	return client.Inject(ctx, f)
}

func (j journal) Heal(ctx context.Context, ids ...string) ([]wire.State, error) {
	client, err := j.lab.Wire(ctx)
	if err != nil {
		return nil, err
	}
	return client.Heal(ctx, ids...)
}

func (j journal) List(ctx context.Context) ([]wire.State, error) {
	client, err := j.lab.Wire(ctx)
	if err != nil {
		return nil, err
	}
	return client.List(ctx)
}
