package supply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// folder is an own image's build context: its Dockerfile, the folder files and the list of what is fetched. The README is not part of the image.
func (s *Supply) folder(name string) (fs.FS, error) {
	if _, err := fs.Stat(s.options.Folders, name+"/Dockerfile"); err != nil {
		known := append(images.NamesIn(s.options.Folders), images.Node)
		return nil, hint.Wrap(unknownImage(name, known), "`ddsctl image list` shows the images; one of your own needs a name that does not begin with %s", images.Prefix)
	}
	sub, err := fs.Sub(s.options.Folders, name)
	if err != nil {
		return nil, err
	}
	return buildContext{FS: sub, keep: func(path string, _ bool) bool {
		return path == "Dockerfile" || path == fetchList || path == "files" || strings.HasPrefix(path, "files/")
	}}, nil
}

// ownFolder ensures ddsctl/NAME.
func (c *call) ownFolder(ctx context.Context, t *task, r Request, name string) (id, how string, err error) {
	folder, err := c.folder(name)
	if err != nil {
		return "", "", err
	}
	hash, err := hashOf(folder)
	if err != nil {
		return "", "", fmt.Errorf("image %s: %w", r.Ref, err)
	}
	if id, ok, err := c.current(ctx, r, hash); ok || err != nil {
		return id, present, err
	}
	whole, err := c.withFetched(ctx, r.Ref, folder)
	if err != nil {
		return "", "", err
	}
	id, err = c.build(ctx, t, engine.BuildSpec{Tag: r.Ref, Context: whole, NoCache: r.Force,
		Labels: map[string]string{engine.LabelImageHash: hash, engine.LabelImage: name}}, func() (string, bool, error) { return c.current(ctx, r, hash) })
	if err != nil {
		return "", "", hint.Wrap(err, "the lines above are the build's last; `ddsctl image build %s` tries again. Packages come from Debian's mirror: is it reachable?", name)
	}
	return id, built, nil
}

// current is the image's ID where it is there and made from what has that hash.
func (c *call) current(ctx context.Context, r Request, hash string) (id string, ok bool, err error) {
	if r.Force {
		return "", false, nil
	}
	image, found, err := c.find(ctx, r.Ref)
	if err != nil || !found || image.Labels[engine.LabelImageHash] != hash {
		return "", false, err
	}
	return image.ID, true, nil
}

// build builds an image after what it starts from. Unless another process has just made it, as already tells.
func (c *call) build(ctx context.Context, t *task, spec engine.BuildSpec, already func() (string, bool, error)) (string, error) {
	bases, err := basesOf(spec)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", spec.Tag, err)
	}
	for _, base := range bases {
		if _, err := c.ensure(ctx, t, base); err != nil {
			return "", fmt.Errorf("image %s starts from %s: %w", spec.Tag, base, err)
		}
	}
	release, err := c.slot(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	unlock, err := c.alone(ctx, spec.Tag, engine.StageBuild)
	if err != nil {
		return "", err
	}
	defer unlock()
	if id, ok, err := already(); ok || err != nil {
		return id, err
	}
	c.proxies(&spec)
	label := engine.LabelImage + "=" + spec.Labels[engine.LabelImage]
	before, err := c.labelled(ctx, label)
	if err != nil {
		return "", err
	}
	id, err := c.engine.BuildImage(ctx, spec, c.say)
	c.tidy(ctx, label, before)
	if err != nil {
		return "", err
	}
	image, err := c.engine.Image(ctx, spec.Tag) // the ID by which the image will be found next time
	if err != nil {
		return id, err
	}
	return image.ID, nil
}

// Bounds of waiting until the engine has ended a build that was interrupted: until then its last layer is in use.
const (
	tidyFor   = 10 * time.Second
	tidyPause = 100 * time.Millisecond
)

// tidy sweeps after an image was made or not, until no image without a name is left but those that were there before. It does so although ctx
// has ended: an interrupted build is when there is something to sweep. What cannot be swept now is swept the next time.
func (c *call) tidy(ctx context.Context, label string, before map[string]bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyFor)
	defer cancel()
	for {
		_, _ = c.sweep(ctx, label)
		after, err := c.labelled(ctx, label)
		maps.DeleteFunc(after, func(id string, named bool) bool { _, old := before[id]; return named || old })
		if err != nil || len(after) == 0 {
			return
		}
		timer := time.NewTimer(tidyPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// labelled are the images with a label, by ID, and whether they have a name.
func (c *call) labelled(ctx context.Context, label string) (map[string]bool, error) {
	list, err := c.engine.Images(ctx, label)
	ids := map[string]bool{}
	for _, image := range list {
		ids[image.ID] = len(image.Tags) > 0
	}
	return ids, err
}

// proxies hands the proxies of this machine on to the build, as `docker build` does with those of its configuration. One on
// the loopback address is of no use in a container.
func (c *call) proxies(spec *engine.BuildSpec) {
	args := map[string]string{}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "ftp_proxy", "all_proxy"} {
		for _, name := range []string{name, strings.ToUpper(name)} {
			value := c.options.Environment(name)
			if value != "" && !strings.Contains(value, "://localhost") && !strings.Contains(value, "://127.") {
				args[name] = value
			}
		}
	}
	for name, value := range spec.Args {
		args[name] = value
	}
	spec.Args = args
}

// hashOf is the hash of a folder's content: names, kinds, whether they can be executed, and what they hold.
func hashOf(folder fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch kind := entry.Type(); {
		case kind.IsDir():
			fmt.Fprintf(sum, "dir %q\n", name)
		case kind&fs.ModeSymlink != 0:
			target, err := fs.ReadLink(folder, name)
			if err != nil {
				return err
			}
			fmt.Fprintf(sum, "link %q %q\n", name, target)
		case kind.IsRegular():
			return hashFile(sum, folder, name, entry)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read the build context: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func hashFile(sum io.Writer, folder fs.FS, name string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	file, err := folder.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	fmt.Fprintf(sum, "file %q %d %v\n", name, info.Size(), info.Mode().Perm()&0o111 != 0)
	_, err = io.Copy(sum, file)
	return err
}
