// Package supply makes sure that images are there: present, else pulled, else built.
//
//	s := supply.New(client, supply.Options{})
//	ids, err := s.Ensure(ctx, supply.Requests(project), show)
//	spec.ImageIDs = ids
//
// Where an image comes from depends on its name:
//
//   - ddsctl/NAME is built from the embedded folder images/NAME, and anew when the folder's content changes. It is never pulled. What it
//     needs that Debian does not have is fetched by this machine first, and held against its SHA-256.
//   - ddsctl/node is the running executable in an image made from nothing. Each build of ddsctl has its own, called ddsctl/node:HASH
//     (see Reference), so that two of them can work on one engine.
//   - debian:trixie-slim is pulled where a registry answers, and otherwise made from Debian's packages with mmdebstrap.
//   - Any other image follows its service's pull_policy and `build` section.
//
// A registry that does not answer is given up in seconds, and not asked again in the same call.
package supply

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/lock"
	"github.com/ddsctl/ddsctl/runtime/supply/fetch"
)

// Store is what an engine holds of images.
type Store interface {
	Image(ctx context.Context, ref string) (engine.Image, error)
	Images(ctx context.Context, label string) ([]engine.Image, error)
	RemoveImage(ctx context.Context, ref string) error
	Info(ctx context.Context) (engine.Info, error)
}

// Makers are the ways in which an engine comes to an image.
type Makers interface {
	PullImage(ctx context.Context, ref string, progress func(engine.ImageProgress)) error
	BuildImage(ctx context.Context, spec engine.BuildSpec, progress func(engine.ImageProgress)) (string, error)
	ImportImage(ctx context.Context, ref string, layer io.Reader, changes []string) (string, error)
	TagImage(ctx context.Context, source, target string) error
}

// Engine is what a supply needs of a container engine.
type Engine interface {
	Store
	Makers
}

// Base is the image that all own images start from.
const Base = "debian:trixie-slim"

// Options are a Supply's surroundings. The zero value is what the command line uses.
type Options struct {
	// Folders holds the folders of own images; nil is images.FS().
	Folders fs.FS
	// NodeBinary is the file that becomes /ddsctl in ddsctl/node; "" is DDSCTL_NODE_BINARY, else the running executable.
	NodeBinary string
	// Bootstrap writes the base image's file system as a tar; nil does it with mmdebstrap.
	Bootstrap func(ctx context.Context, layer io.Writer, say func(line string)) error
	// Fetched keeps what is fetched for images, and fetches it. The zero value keeps it in the user's cache folder.
	Fetched fetch.Store
	// Patience is how long a registry may take for its first word: 0 is 5 s where the image can be had in another way, and
	// 15 s otherwise.
	Patience time.Duration
	// Workers bounds how many images are built at once; 0 is the number of CPUs, at least 2.
	Workers int
	// Address is where the engine was reached, and LockDir where locks are ("" is lock.Dir()): together they keep two processes
	// from making one image at the same time.
	Address, LockDir string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Environment reads an environment variable; nil is os.Getenv.
	Environment func(string) string
}

// Supply makes sure that images are there. It is safe for concurrent use.
type Supply struct {
	engine  Engine
	options Options
}

// New returns a Supply for an engine.
func New(e Engine, options Options) *Supply {
	if options.Folders == nil {
		options.Folders = images.FS()
	}
	if options.Environment == nil {
		options.Environment = os.Getenv
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Workers <= 0 {
		options.Workers = max(2, runtime.NumCPU())
	}
	if options.LockDir == "" {
		options.LockDir = lock.Dir()
	}
	if options.Bootstrap == nil {
		options.Bootstrap = debootstrap{environment: options.Environment}.run
	}
	return &Supply{engine: e, options: options}
}

// Request asks for one image.
type Request struct {
	// Ref is the image's name.
	Ref string
	// Policy is a Compose pull_policy: always, missing (or if_not_present, or ""), never, build.
	Policy string
	// Build says how to build it; nil where the Compose file does not. Paths are absolute, as compose-go makes them.
	Build *types.BuildConfig
	// Unnamed says that the name is not the user's own: no registry has such an image.
	Unnamed bool
	// Force builds an own image or one with a Build section anew, although nothing has changed.
	Force bool
}

// Requests lists the images of a project, each once, sorted. A service that is built and names no image gets the name that
// Docker Compose gives it, PROJECT-SERVICE, in the project too.
func Requests(project *types.Project) []Request {
	byRef := map[string]Request{}
	for _, name := range project.ServiceNames() {
		service := project.Services[name]
		request := Request{Ref: service.Image, Policy: service.PullPolicy, Build: service.Build}
		if request.Ref == "" {
			if service.Build == nil {
				continue
			}
			request.Ref, request.Unnamed = project.Name+"-"+name, true
			service.Image = request.Ref
			project.Services[name] = service
		}
		if other, ok := byRef[request.Ref]; ok {
			request = merge(other, request)
		}
		byRef[request.Ref] = request
	}
	list := make([]Request, 0, len(byRef))
	for _, ref := range slices.Sorted(maps.Keys(byRef)) {
		list = append(list, byRef[ref])
	}
	return list
}

// merge is what two services that share an image ask for together: one that can build it does so for both.
func merge(a, b Request) Request {
	if a.Build == nil {
		a.Build = b.Build
	}
	if a.Policy == "" {
		a.Policy = b.Policy
	}
	a.Force = a.Force || b.Force
	return a
}

// Ensure makes sure that each image is there, at the same time where they do not need one another, and returns their IDs by
// the requested name. Progress, which may be nil, is called by one goroutine at a time.
func (s *Supply) Ensure(ctx context.Context, requests []Request, progress func(engine.ImageProgress)) (map[string]string, error) {
	release, err := s.Hold(ctx) // what is being made has no name yet
	if err != nil {
		return nil, err
	}
	defer release()
	c := newCall(s, progress)
	return c.all(ctx, requests)
}

// Own is one of ddsctl's own images as `ddsctl image list` shows it.
type Own struct {
	Name  string `json:"name"`
	Ref   string `json:"ref"`
	State string `json:"state"` // OwnPresent, OwnStale or OwnAbsent
	engine.Image
}

// The states of an own image.
const (
	OwnPresent = "present"
	OwnStale   = "stale" // its folder, or the executable, has changed: the next use builds it anew
	OwnAbsent  = "absent"
)

// List tells of the base image and of every own image whether it is there.
func (s *Supply) List(ctx context.Context) ([]Own, error) {
	list := make([]Own, 0, 16)
	for _, ref := range s.refs() {
		own, err := s.own(ctx, ref)
		if err != nil {
			return nil, err
		}
		list = append(list, own)
	}
	return list, nil
}

func (s *Supply) refs() []string {
	refs := []string{Base, images.Prefix + images.Node}
	for _, name := range images.NamesIn(s.options.Folders) {
		refs = append(refs, images.Prefix+name)
	}
	return refs
}

// All requests every own image, for `ddsctl image build` without a name.
func (s *Supply) All() []Request {
	var list []Request
	for _, ref := range s.refs() {
		list = append(list, Request{Ref: ref})
	}
	return list
}

func (s *Supply) own(ctx context.Context, ref string) (Own, error) {
	own := Own{Name: ref, Ref: ref, State: OwnAbsent}
	want := ""
	if name, ok := images.Own(ref); ok {
		own.Name = name
		hash, err := s.wantedHash(name)
		if err != nil {
			hash = "" // there is nothing to compare with: what is present counts
		}
		want = hash
	}
	image, found, err := s.found(ctx, ref)
	if err != nil || !found {
		return own, err
	}
	own.Image, own.State = image, OwnPresent
	if want != "" && image.Labels[engine.LabelImageHash] != want {
		own.State = OwnStale
	}
	return own, nil
}

func (s *Supply) wantedHash(name string) (string, error) {
	if name == images.Node {
		binary, err := s.nodeBinary()
		return binary.hash, err
	}
	folder, err := s.folder(name)
	if err != nil {
		return "", err
	}
	return hashOf(folder)
}

func unknownImage(name string, known []string) error {
	return fmt.Errorf("ddsctl has no image %q; it has %v", name, known)
}
