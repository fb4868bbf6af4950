package live

import (
	"context"
	"errors"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// journal is the lab's wire helper for whoever does not want to know of connections: each call uses the one that stands.
type journal struct{ lab *Lab }

// once makes a call whose repetition would do something twice. A connection that was lost under it is told as what became of the helper,
// where that is known.
func (j journal) once(ctx context.Context, do func(*wire.Client) error) error {
	_, err := j.call(ctx, do)
	return err
}

// safely makes a call that may be repeated: on a new connection, where the one that stood was lost under it.
func (j journal) safely(ctx context.Context, do func(*wire.Client) error) error {
	next, err := j.call(ctx, do)
	if next != nil && errors.Is(err, control.ErrClosed) {
		return do(next)
	}
	return err
}

// call gives a new connection where the one it used was lost.
func (j journal) call(ctx context.Context, do func(*wire.Client) error) (*wire.Client, error) {
	connection, err := j.lab.helper(ctx, engine.HelperWire)
	if err != nil {
		return nil, err
	}
	if err = do(wire.NewClient(connection)); !errors.Is(err, control.ErrClosed) {
		return nil, err
	}
	_ = connection.Close() // it may not have noticed yet
	next, lost := j.lab.Wire(ctx)
	if lost != nil {
		return nil, lost
	}
	return next, err
}

func (j journal) Put(ctx context.Context, r wire.Record) (put wire.Record, err error) {
	call := j.once
	if r.ID != "" {
		call = j.safely
	}
	err = call(ctx, func(c *wire.Client) (err error) { put, err = c.Put(ctx, r); return err })
	return put, err
}

func (j journal) Delete(ctx context.Context, id string) error {
	return j.safely(ctx, func(c *wire.Client) error { return c.Delete(ctx, id) })
}

func (j journal) Records(ctx context.Context) (records []wire.Record, err error) {
	err = j.safely(ctx, func(c *wire.Client) (err error) { records, err = c.Records(ctx); return err })
	return records, err
}

func (j journal) Inject(ctx context.Context, f wire.Fault) (state wire.State, err error) {
	err = j.once(ctx, func(c *wire.Client) (err error) { state, err = c.Inject(ctx, f); return err })
	return state, err
}

func (j journal) Heal(ctx context.Context, ids ...string) (states []wire.State, err error) {
	err = j.safely(ctx, func(c *wire.Client) (err error) { states, err = c.Heal(ctx, ids...); return err })
	return states, err
}

func (j journal) List(ctx context.Context) (states []wire.State, err error) {
	err = j.safely(ctx, func(c *wire.Client) (err error) { states, err = c.List(ctx); return err })
	return states, err
}
