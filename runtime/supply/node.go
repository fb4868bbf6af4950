package supply

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// nodeLayout is the version of what lies in ddsctl/node around the executable.
const nodeLayout = "1"

// EnvNodeBinary names the variable that names a Linux executable of ddsctl for the containers, where the running one is none.
const EnvNodeBinary = "DDSCTL_NODE_BINARY"

// nobody owns what the programs in ddsctl/node may write to.
const nobody = 65534

// nodeChanges are what ddsctl/node's configuration says.
var nodeChanges = []string{`ENTRYPOINT ["/ddsctl"]`, "ENV PATH=/", "USER 65534:65534", "LABEL " + engine.LabelImage + "=" + images.Node}

// node ensures ddsctl/node: the executable alone, put in through the engine's API, under a name of this executable's own. The plain name goes to
// the one made last, for `docker compose` and for people.
func (c *call) node(ctx context.Context, r Request) (id, how string, err error) {
	asked := r.Ref
	binary, err := c.nodeBinary()
	if err != nil {
		return "", "", fmt.Errorf("image %s: %w", asked, err)
	}
	r.Ref = binary.reference()
	if id, ok, err := c.current(ctx, r, binary.hash); ok || err != nil {
		return id, present, err
	}
	if err := c.runsInEngine(ctx, binary); err != nil {
		return "", "", fmt.Errorf("image %s: %w", asked, err)
	}
	release, err := c.slot(ctx)
	if err != nil {
		return "", "", err
	}
	defer release()
	unlock, err := c.alone(ctx, r.Ref, engine.StageImport)
	if err != nil {
		return "", "", err
	}
	defer unlock()
	if id, ok, err := c.current(ctx, r, binary.hash); ok || err != nil {
		return id, present, err
	}
	if err := c.importNode(ctx, asked, r.Ref, binary); err != nil {
		return "", "", fmt.Errorf("image %s: %w", asked, err)
	}
	return c.presentAs(ctx, r.Ref, imported)
}

// reference is the name of the image that an executable becomes.
func (b binary) reference() string { return images.Prefix + images.Node + ":" + b.hash[:tagLength] }

// tagLength is how much of an executable's hash its image is called by.
const tagLength = 16

// Reference is the name to make containers from where a project says ref, after Ensure. Of ddsctl/node there is one for each
// build of ddsctl, so that several can work on one engine without taking the name from each other; any other image has the name that it is asked for by.
func (s *Supply) Reference(ref string) (string, error) {
	if name, ok := images.Own(ref); !ok || name != images.Node {
		return ref, nil
	}
	binary, err := s.nodeBinary()
	if err != nil {
		return "", fmt.Errorf("image %s: %w", ref, err)
	}
	return binary.reference(), nil
}

// importNode makes the image called ref, and gives it the name that was asked for too.
func (c *call) importNode(ctx context.Context, asked, ref string, binary binary) error {
	label := engine.LabelImage + "=" + images.Node
	before, err := c.labelled(ctx, label)
	if err != nil {
		return err
	}
	defer c.tidy(ctx, label, before)
	file, err := os.Open(binary.path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	reader, writer := io.Pipe()
	packed := make(chan struct{})
	go func() {
		defer close(packed)
		_ = writer.CloseWithError(packNode(writer, file, binary.size, func(done int64) {
			c.say(engine.ImageProgress{Image: asked, Stage: engine.StageImport, Text: "putting the executable in", Current: done, Total: binary.size})
		}))
	}()
	changes := append([]string{"LABEL " + engine.LabelImageHash + "=" + binary.hash}, nodeChanges...)
	_, err = c.engine.ImportImage(ctx, ref, reader, changes)
	_ = reader.CloseWithError(errors.New("the engine took no more"))
	<-packed
	if err != nil {
		return err
	}
	return c.engine.TagImage(ctx, ref, images.Prefix+images.Node)
}

// packNode writes the image's file system: the executable, and the little that a static program looks for. Owners matter: /data is its
// user's, /var/lib/ddsctl is root's, because a root without capabilities may write only to what is its own. /run is
// anybody's: older runtimes give a tmpfs the mode of the folder below it.
func packNode(w io.Writer, executable io.Reader, size int64, progress func(done int64)) error {
	archive := tar.NewWriter(w)
	folder := func(name string, mode int64, owner int) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode, Uid: owner, Gid: owner}
	}
	for _, h := range []*tar.Header{folder("data/", 0o755, nobody), folder("etc/", 0o755, 0), folder("run/", 0o1777, 0), folder("tmp/", 0o1777, 0),
		folder("var/", 0o755, 0), folder("var/lib/", 0o755, 0), folder("var/lib/ddsctl/", 0o755, 0)} {
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
	}
	for _, f := range [][2]string{
		{"etc/passwd", "root:x:0:0:root:/:/ddsctl\nnobody:x:65534:65534:nobody:/:/ddsctl\n"},
		{"etc/group", "root:x:0:\nnogroup:x:65534:\n"},
		{"etc/nsswitch.conf", "hosts: files dns\n"},
	} {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f[0], Mode: 0o644, Size: int64(len(f[1]))}); err != nil {
			return err
		}
		if _, err := io.WriteString(archive, f[1]); err != nil {
			return err
		}
	}
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "ddsctl", Mode: 0o755, Size: size, ModTime: time.Unix(0, 0)}); err != nil {
		return err
	}
	if _, err := io.Copy(archive, &counted{r: executable, progress: progress}); err != nil {
		return fmt.Errorf("pack the executable: %w", err)
	}
	return archive.Close()
}

// counted tells how far it is, at every few megabytes.
type counted struct {
	r          io.Reader
	done, told int64
	progress   func(int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.done += int64(n); c.done-c.told >= 4<<20 || err == io.EOF && c.done > c.told {
		c.told = c.done
		c.progress(c.done)
	}
	return n, err
}

// nodeBinary finds the file that becomes /ddsctl.
func (s *Supply) nodeBinary() (binary, error) {
	path := cmp.Or(s.options.NodeBinary, s.options.Environment(EnvNodeBinary))
	if path != "" {
		return inspect(path)
	}
	found, err := inspect(runningExecutable())
	if err != nil && hint.Of(err) == "" {
		err = hint.Wrap(err, "build ddsctl for Linux (`CGO_ENABLED=0 GOOS=linux go build -o ddsctl-linux ./cmd/ddsctl`) and name it: %s=ddsctl-linux", EnvNodeBinary)
	}
	return found, err
}

// runsInEngine refuses an executable for another kind of machine than the engine's.
func (s *Supply) runsInEngine(ctx context.Context, b binary) error {
	info, err := s.engine.Info(ctx)
	if err != nil {
		return err
	}
	arch := goArch(info.Arch)
	if arch == "" || arch == b.arch {
		return nil
	}
	return hint.Wrap(fmt.Errorf("the executable is for linux/%s, and the engine runs linux/%s", b.arch, arch),
		"build ddsctl for the engine (`CGO_ENABLED=0 GOOS=linux GOARCH=%s go build -o ddsctl-linux ./cmd/ddsctl`) and name it: %s=ddsctl-linux", arch, EnvNodeBinary)
}

// goArch is Go's word for what engines call an architecture.
func goArch(engineArch string) string {
	switch arch := strings.ToLower(engineArch); arch {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "armv7l", "armv6l":
		return "arm"
	case "i386", "i686":
		return "386"
	default:
		return arch
	}
}
