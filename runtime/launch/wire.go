package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// wireTrial is what a project is called that has nothing but a wire helper.
const wireTrial = "ddsctl-doctor"

// trialRemoval bounds taking that project down once nobody waits any more.
const trialRemoval = 20 * time.Second

// Wire tells what the engine's kernel offers for links: by a wire helper of its own, which is made for the question and is gone when Wire returns.
func (l *Launcher) Wire(ctx context.Context, show Show) (capabilities wire.Capabilities, err error) {
	name := fmt.Sprintf("%s-%d", wireTrial, os.Getpid())
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trialRemoval)
		defer cancel()
		_, downErr := l.life.Down(ctx, name, lifecycle.DownOptions{}, nil)
		err = errors.Join(err, downErr)
	}()
	spec := plan.Spec{Lab: wireTrial, Project: &types.Project{Name: name}}
	result, err := l.Up(ctx, spec, UpOptions{Helpers: &helper.Options{NoClient: true}}, show)
	if err != nil {
		return capabilities, err
	}
	if capabilities, err = AskWire(ctx, l.engine, name); err != nil && len(result.Warnings) > 0 {
		err = fmt.Errorf("%w: %s", err, result.Warnings[0])
	}
	return capabilities, err
}

// AskWire asks the wire helper of a project that runs.
func AskWire(ctx context.Context, e helper.Engine, project string) (wire.Capabilities, error) {
	client, err := helper.Dial(ctx, e, project, engine.HelperWire)
	if err != nil {
		return wire.Capabilities{}, err
	}
	defer func() { _ = client.Close() }()
	return wire.NewClient(client).Capabilities(ctx)
}
