package supply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Bounds of waiting for a registry.
const (
	patience      = 5 * time.Second  // for the first word, where the image can be had in another way
	patienceAlone = 15 * time.Second // where it cannot
	stall         = time.Minute      // between two words
)

// pull pulls an image. otherwise says that the image can be had in another way, so that less time is spent on waiting. A registry
// that did not answer is not asked a second time.
func (c *call) pull(ctx context.Context, ref string, otherwise bool) error {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return fmt.Errorf("image name %q: %w", ref, err)
	}
	ref, registry := reference.TagNameOnly(named).String(), reference.Domain(named)
	c.mu.Lock()
	reason := c.registries[registry]
	c.mu.Unlock()
	if reason != nil {
		return reason
	}
	wait := c.options.Patience
	if wait == 0 {
		if wait = patienceAlone; otherwise {
			wait = patience
		}
	}
	err = c.pullWithin(ctx, ref, wait)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if !answered(err) {
		err = fmt.Errorf("registry %s: %w", registry, err)
		c.mu.Lock()
		c.registries[registry] = err
		c.mu.Unlock()
	}
	return err
}

// pullWithin gives the pull up when the registry says nothing for too long.
func (c *call) pullWithin(ctx context.Context, ref string, wait time.Duration) error {
	pulling, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(wait, func() { cancel(fmt.Errorf("no answer within %s", wait)) })
	defer silent.Stop()
	err := c.engine.PullImage(pulling, ref, func(p engine.ImageProgress) {
		silent.Reset(max(stall, wait))
		c.say(p)
	})
	if err != nil && ctx.Err() == nil && pulling.Err() != nil {
		return context.Cause(pulling)
	}
	return err
}

// answered tells an answer of the registry, such as that it has no such image, from none.
func answered(err error) bool {
	if errors.Is(err, engine.ErrNotFound) {
		return true
	}
	text := strings.ToLower(err.Error())
	for _, words := range []string{"manifest unknown", "not found", "access denied", "unauthorized", "toomanyrequests", "no matching manifest", "no space left"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}
