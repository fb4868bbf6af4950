package docker

import (
	"archive/tar"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Image reads one image; engine.ErrNotFound where the engine does not have it.
func (c *Client) Image(ctx context.Context, ref string) (engine.Image, error) {
	result, err := c.api.ImageInspect(ctx, ref)
	if err != nil {
		return engine.Image{}, c.wrap(err, "find image %s", ref)
	}
	i := engine.Image{ID: result.ID, Tags: tags(result.RepoTags), Size: result.Size}
	if result.Config != nil {
		i.Labels = result.Config.Labels
	}
	if created, err := time.Parse(time.RFC3339Nano, result.Created); err == nil {
		i.Created = created
	}
	return i, nil
}

// Images lists the images that carry a label, given as NAME or NAME=VALUE.
func (c *Client) Images(ctx context.Context, label string) ([]engine.Image, error) {
	list, err := c.api.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", label)})
	if err != nil {
		return nil, c.wrap(err, "list images")
	}
	var images []engine.Image
	for _, i := range list.Items {
		images = append(images, engine.Image{ID: i.ID, Tags: tags(i.RepoTags), Size: i.Size, Created: time.Unix(i.Created, 0), Labels: i.Labels})
	}
	return images, nil
}

// tags are an image's names as people write them. Before API 1.43 one without any is called <none>:<none>, and Podman writes every
// name out in full.
func tags(list []string) []string {
	var names []string
	for _, tag := range list {
		if tag == "<none>:<none>" {
			continue
		}
		if named, err := reference.ParseNormalizedNamed(tag); err == nil {
			tag = reference.FamiliarString(named)
		}
		names = append(names, tag)
	}
	return names
}

// message is one line of the stream in which the engine tells how a pull, build or import goes.
type message struct {
	Stream      string `json:"stream"`
	Status      string `json:"status"`
	ID          string `json:"id"`
	ErrorDetail *struct {
		Message string `json:"message"`
	} `json:"errorDetail"`
	Error    string `json:"error"`
	Progress *struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
	Aux *struct {
		ID string `json:"ID"`
	} `json:"aux"`
}

// keptLines is how much of a build's output an error shows.
const keptLines = 12

// follow reads such a stream to its end: each line goes to progress, the last error of the stream is returned with the lines before it.
func follow(stream io.Reader, image, stage string, progress func(engine.ImageProgress)) (id string, err error) {
	decoder := json.NewDecoder(stream)
	var last []string
	for {
		var m message
		if err := decoder.Decode(&m); err != nil {
			if errors.Is(err, io.EOF) {
				return id, nil
			}
			return id, err
		}
		if m.Error != "" || m.ErrorDetail != nil {
			text := m.Error
			if m.ErrorDetail != nil {
				text = m.ErrorDetail.Message
			}
			if len(last) > 0 {
				text += "\n  " + strings.Join(last, "\n  ")
			}
			return id, errors.New(text)
		}
		if m.Aux != nil && m.Aux.ID != "" {
			id = m.Aux.ID
		}
		p := engine.ImageProgress{Image: image, Stage: stage, Text: strings.TrimSpace(m.Stream + m.Status)}
		if m.Progress != nil {
			p.Current, p.Total = m.Progress.Current, m.Progress.Total
		}
		if strings.HasPrefix(m.Status, "sha256:") {
			id = m.Status // how an import tells the image's ID
		}
		if p.Text == "" {
			continue
		}
		if m.Stream != "" {
			last = append(last, p.Text)
			last = last[max(0, len(last)-keptLines):]
		}
		if progress != nil {
			progress(p)
		}
	}
}

// PullImage pulls an image from its registry.
func (c *Client) PullImage(ctx context.Context, ref string, progress func(engine.ImageProgress)) error {
	stream, err := c.api.ImagePull(ctx, ref, client.ImagePullOptions{RegistryAuth: registryAuth(ref)})
	if err != nil {
		return c.wrap(err, "pull image %s", ref)
	}
	defer func() { _ = stream.Close() }()
	_, err = follow(stream, ref, engine.StagePull, progress)
	return c.wrap(err, "pull image %s", ref)
}

// registryAuth is the login for ref's registry that `docker login` left in plain, "" when there is none.
func registryAuth(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, _ := os.UserHomeDir()
		dir = filepath.Join(home, ".docker")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return ""
	}
	var config struct {
		Auths map[string]struct {
			Auth string `json:"auth"`
		} `json:"auths"`
	}
	if json.Unmarshal(raw, &config) != nil {
		return ""
	}
	domain := reference.Domain(named)
	if domain == "docker.io" {
		domain = "https://index.docker.io/v1/"
	}
	decoded, err := base64.StdEncoding.DecodeString(config.Auths[domain].Auth)
	user, password, ok := strings.Cut(string(decoded), ":")
	if err != nil || !ok {
		return ""
	}
	auth, err := json.Marshal(map[string]string{"username": user, "password": password, "serveraddress": domain})
	if err != nil {
		return ""
	}
	return base64.URLEncoding.EncodeToString(auth)
}

// BuildImage builds an image from a folder and returns its ID. It never pulls: what the Dockerfile starts from must be there.
func (c *Client) BuildImage(ctx context.Context, spec engine.BuildSpec, progress func(engine.ImageProgress)) (string, error) {
	args := map[string]*string{}
	for _, name := range slices.Sorted(maps.Keys(spec.Args)) {
		value := spec.Args[name]
		args[name] = &value
	}
	reader, writer := io.Pipe()
	packed := make(chan struct{})
	go func() {
		defer close(packed)
		_ = writer.CloseWithError(pack(writer, spec.Context))
	}()
	defer func() {
		_ = reader.Close()
		<-packed
	}()
	result, err := c.api.ImageBuild(ctx, reader, client.ImageBuildOptions{
		Tags: []string{spec.Tag}, Dockerfile: spec.Dockerfile, BuildArgs: args, Target: spec.Target, Labels: spec.Labels,
		NetworkMode: spec.Network, NoCache: spec.NoCache, Remove: true, ForceRemove: true,
	})
	if err != nil {
		return "", c.wrap(err, "build image %s", spec.Tag)
	}
	defer func() { _ = result.Body.Close() }()
	id, err := follow(result.Body, spec.Tag, engine.StageBuild, progress)
	return id, c.wrap(err, "build image %s", spec.Tag)
}

// pack writes a folder as a tar with fixed times and owners, so that the engine's build cache knows it again.
func pack(w io.Writer, folder fs.FS) error {
	archive := tar.NewWriter(w)
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := fs.ReadLink(folder, name)
			if err != nil {
				return err
			}
			return archive.WriteHeader(&tar.Header{Name: name, Linkname: target, Mode: 0o777, Typeflag: tar.TypeSymlink})
		}
		if !info.IsDir() && !info.Mode().IsRegular() {
			return nil
		}
		header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Typeflag: tar.TypeReg, Size: info.Size()}
		if info.IsDir() {
			header.Name, header.Typeflag, header.Size, header.Mode = name+"/", tar.TypeDir, 0, 0o755
			return archive.WriteHeader(header)
		}
		// An embedded file system has no write bits; the images should not depend on where their folder came from.
		header.Mode |= 0o644
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		file, err := folder.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		_, err = io.Copy(archive, file)
		return err
	})
	if err != nil {
		return fmt.Errorf("pack the build context: %w", err)
	}
	return archive.Close()
}

// ImportImage makes an image of one layer from a tar of its files. Changes are Dockerfile instructions such as
// ENTRYPOINT and LABEL.
func (c *Client) ImportImage(ctx context.Context, ref string, layer io.Reader, changes []string) (string, error) {
	stream, err := c.api.ImageImport(ctx, client.ImageImportSource{Source: layer, SourceName: "-"}, ref, client.ImageImportOptions{Changes: changes})
	if err != nil {
		return "", c.wrap(err, "import image %s", ref)
	}
	defer func() { _ = stream.Close() }()
	id, err := follow(stream, ref, engine.StageImport, nil)
	return id, c.wrap(err, "import image %s", ref)
}

// TagImage gives an image a further name.
func (c *Client) TagImage(ctx context.Context, source, target string) error {
	_, err := c.api.ImageTag(ctx, client.ImageTagOptions{Source: source, Target: target})
	return c.wrap(err, "tag image %s as %s", source, target)
}

// RemoveImage takes a name away from an image, and the image with its last name; that it is gone is no error, and an image
// that a container uses is left with engine.ErrConflict.
func (c *Client) RemoveImage(ctx context.Context, ref string) error {
	_, err := c.api.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return c.wrap(err, "remove image %s", ref)
}
