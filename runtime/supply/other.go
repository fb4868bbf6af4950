package supply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// other ensures an image that is not ddsctl's own, as Compose's pull_policy has it.
func (c *call) other(ctx context.Context, t *task, r Request) (id, how string, err error) {
	switch r.Policy {
	case "", "missing", "if_not_present":
		return c.missing(ctx, t, r)
	case "always":
		if err := c.pullSlot(ctx, r.Ref, r.Build != nil); err != nil {
			if r.Build == nil || ctx.Err() != nil {
				return "", "", hint.Wrap(fmt.Errorf("image %s: %w", r.Ref, err), "`pull_policy: missing` uses the image that is on this machine, if there is one")
			}
			return c.buildSection(ctx, t, r)
		}
		return c.presentAs(ctx, r.Ref, pulled)
	case "never":
		image, found, err := c.find(ctx, r.Ref)
		if err == nil && !found {
			err = hint.Wrap(fmt.Errorf("image %s is not on this machine, and its pull_policy is never: %w", r.Ref, engine.ErrNotFound),
				"load it (`docker load`, `docker build`), or change pull_policy to missing")
		}
		return image.ID, present, err
	case "build":
		if r.Build == nil {
			return "", "", hint.Wrap(fmt.Errorf("image %s: pull_policy is build, and the service has no `build` section", r.Ref), "add a `build` section, or change pull_policy")
		}
		return c.buildSection(ctx, t, r)
	}
	return "", "", hint.Wrap(fmt.Errorf("image %s: pull_policy %q is not supported", r.Ref, r.Policy), "use always, missing, never or build")
}

func (c *call) missing(ctx context.Context, t *task, r Request) (id, how string, err error) {
	image, found, err := c.find(ctx, r.Ref)
	if err != nil {
		return "", "", err
	}
	// An image with our hash was built from the `build` section; it follows that. One that somebody else made stays.
	if found && (r.Build == nil || image.Labels[engine.LabelImageHash] == "" && !r.Force) {
		return image.ID, present, nil
	}
	if found || r.Unnamed {
		return c.buildSection(ctx, t, r)
	}
	pullErr := c.pullSlot(ctx, r.Ref, r.Build != nil)
	switch {
	case pullErr == nil:
		return c.presentAs(ctx, r.Ref, pulled)
	case ctx.Err() != nil:
		return "", "", pullErr
	case r.Build == nil:
		return "", "", hint.Wrap(fmt.Errorf("image %s is not on this machine and cannot be pulled: %w", r.Ref, pullErr),
			"bring it here where there is a network (`docker save` there, `docker load` here), give the service a `build` section, or use one of ddsctl's own: `ddsctl image list`")
	}
	id, how, err = c.buildSection(ctx, t, r)
	if err != nil {
		err = fmt.Errorf("%w (and it cannot be pulled: %w)", err, pullErr)
	}
	return id, how, err
}

func (c *call) presentAs(ctx context.Context, ref, how string) (string, string, error) {
	image, err := c.engine.Image(ctx, ref)
	return image.ID, how, err
}

func (c *call) pullSlot(ctx context.Context, ref string, otherwise bool) error {
	release, err := c.slot(ctx)
	if err != nil {
		return err
	}
	defer release()
	return c.pull(ctx, ref, otherwise)
}

// buildSection builds an image from the `build` section of its service, unless it is there and nothing has changed.
func (c *call) buildSection(ctx context.Context, t *task, r Request) (id, how string, err error) {
	spec, err := c.specOf(r)
	if err != nil {
		return "", "", fmt.Errorf("image %s: %w", r.Ref, err)
	}
	content, err := hashOf(spec.Context)
	if err != nil {
		return "", "", fmt.Errorf("image %s: %w", r.Ref, err)
	}
	hash, err := hashWith(content, spec)
	if err != nil {
		return "", "", err
	}
	if id, ok, err := c.current(ctx, r, hash); ok || err != nil {
		return id, present, err
	}
	spec.Labels[engine.LabelImageHash], spec.Labels[engine.LabelImage] = hash, r.Ref
	id, err = c.build(ctx, t, spec, func() (string, bool, error) { return c.current(ctx, r, hash) })
	if err != nil {
		return "", "", hint.Wrap(err, "the lines above are the build's last; see the folder %s", r.Build.Context)
	}
	return id, built, nil
}

// inlineDockerfile is the name under which a Dockerfile that stands in the Compose file is sent.
const inlineDockerfile = ".ddsctl.Dockerfile"

// specOf translates a `build` section, and refuses what it cannot do.
func (c *call) specOf(r Request) (engine.BuildSpec, error) {
	b := r.Build
	if keys := unsupported(b); len(keys) > 0 {
		return engine.BuildSpec{}, hint.Wrap(fmt.Errorf("`build` has %s, which ddsctl does not support", strings.Join(keys, ", ")),
			"build the image with `docker build` and name it with `image:`")
	}
	info, err := os.Stat(b.Context)
	if err != nil || !info.IsDir() {
		if err == nil {
			err = errors.New("not a folder")
		}
		return engine.BuildSpec{}, hint.Wrap(fmt.Errorf("build context %s: %w", b.Context, err), "`build.context` is a folder on this machine")
	}
	folder := buildContext{FS: os.DirFS(b.Context)}
	spec := engine.BuildSpec{Tag: r.Ref, Dockerfile: b.Dockerfile, Args: map[string]string{}, Target: b.Target, Network: b.Network,
		NoCache: b.NoCache || r.Force, Labels: maps.Clone(map[string]string(b.Labels))}
	if spec.Labels == nil {
		spec.Labels = map[string]string{}
	}
	if b.DockerfileInline != "" {
		spec.Dockerfile = inlineDockerfile
		folder.extra = &extraFile{inlineDockerfile, []byte(b.DockerfileInline)}
	}
	if spec.Dockerfile == "" {
		spec.Dockerfile = "Dockerfile"
	}
	if folder.keep, err = ignoring(folder.FS, spec.Dockerfile); err != nil {
		return engine.BuildSpec{}, fmt.Errorf("read .dockerignore: %w", err)
	}
	if _, err := fs.ReadFile(folder, spec.Dockerfile); err != nil {
		return engine.BuildSpec{}, hint.Wrap(fmt.Errorf("read the Dockerfile %s: %w", spec.Dockerfile, err), "`build.dockerfile` is a file in the folder %s", b.Context)
	}
	for name, value := range b.Args {
		if value != nil {
			spec.Args[name] = *value
		} else if value := c.options.Environment(name); value != "" {
			spec.Args[name] = value
		}
	}
	spec.Context = folder
	return spec, nil
}

// unsupported names the keys of a `build` section that the engine's build does not have.
func unsupported(b *types.BuildConfig) []string {
	var keys []string
	for name, used := range map[string]bool{
		"ssh": len(b.SSH) > 0, "secrets": len(b.Secrets) > 0, "additional_contexts": len(b.AdditionalContexts) > 0, "entitlements": len(b.Entitlements) > 0,
		"extra_hosts": len(b.ExtraHosts) > 0, "isolation": b.Isolation != "", "privileged": b.Privileged, "shm_size": b.ShmSize != 0,
		"ulimits": len(b.Ulimits) > 0, "platforms": len(b.Platforms) > 0, "tags": len(b.Tags) > 0, "cache_to": len(b.CacheTo) > 0,
		"cache_from": len(b.CacheFrom) > 0, "no_cache_filter": len(b.NoCacheFilter) > 0, "provenance": b.Provenance != "", "sbom": b.SBOM != "",
		"pull": b.Pull,
	} {
		if used {
			keys = append(keys, name)
		}
	}
	slices.Sort(keys)
	return keys
}
