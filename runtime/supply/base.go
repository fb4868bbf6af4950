package supply

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// base ensures the image that own images start from: present, else pulled, else made from Debian's packages. Where it is to be pulled always
// and cannot be, the one that is there serves: it would only be made anew from the same packages.
func (c *call) base(ctx context.Context, r Request) (id, how string, err error) {
	there := func() (string, bool, error) {
		if r.Force {
			return "", false, nil
		}
		image, found, err := c.find(ctx, Base)
		return image.ID, found, err
	}
	if r.Policy != "always" {
		if id, found, err := there(); found || err != nil {
			return id, present, err
		}
	}
	release, err := c.slot(ctx)
	if err != nil {
		return "", "", err
	}
	defer release()
	unlock, err := c.alone(ctx, Base, engine.StagePull)
	if err != nil {
		return "", "", err
	}
	defer unlock()
	if r.Policy != "always" { // another process may have made it
		if id, found, err := there(); found || err != nil {
			return id, present, err
		}
	}
	pullErr := c.pull(ctx, Base, true)
	if pullErr == nil {
		return c.presentAs(ctx, Base, pulled)
	}
	if ctx.Err() != nil {
		return "", "", pullErr
	}
	if id, found, err := there(); found || err != nil {
		return id, present, err
	}
	c.say(engine.ImageProgress{Image: Base, Stage: engine.StageBootstrap, Text: fmt.Sprintf("cannot be pulled (%v); making it from Debian's packages", pullErr)})
	if err := c.bootstrap(ctx); err != nil {
		next := hint.Of(err)
		if next == "" {
			next = "bring the image here where there is a network: `docker save debian:trixie-slim` there, `docker load` here"
		}
		return "", "", hint.Wrap(fmt.Errorf("image %s cannot be made from Debian's packages: %w (and it cannot be pulled: %w)", Base, err, pullErr), "%s", next)
	}
	return c.presentAs(ctx, Base, bootstrapped)
}

// bootstrap streams the file system into the engine as it is made.
func (c *call) bootstrap(ctx context.Context) error {
	label := engine.LabelImage + "=" + Base
	before, err := c.labelled(ctx, label)
	if err != nil {
		return err
	}
	defer c.tidy(ctx, label, before)
	ctx, cancel := context.WithCancel(ctx)
	reader, writer := io.Pipe()
	made := make(chan error, 1)
	go func() {
		err := c.options.Bootstrap(ctx, writer, func(line string) {
			c.say(engine.ImageProgress{Image: Base, Stage: engine.StageBootstrap, Text: line})
		})
		_ = writer.CloseWithError(err) // nil is the end of the stream
		made <- err
	}()
	_, err = c.engine.ImportImage(ctx, Base, reader, []string{`CMD ["bash"]`, "LABEL " + label})
	_ = reader.CloseWithError(errors.New("the engine took no more"))
	if err != nil {
		cancel()
	}
	bootstrapErr := <-made
	cancel()
	// Where both failed, the one that began is the reason.
	if bootstrapErr != nil && !errors.Is(bootstrapErr, context.Canceled) {
		return bootstrapErr
	}
	return err
}
