package engine

import (
	"io/fs"
	"time"
)

// Image is an image as the engine shows it.
type Image struct {
	ID      string            `json:"id"`
	Tags    []string          `json:"tags"`
	Size    int64             `json:"size"` // bytes
	Created time.Time         `json:"created"`
	Labels  map[string]string `json:"labels,omitempty"`
}

// BuildSpec asks for an image from a folder with a Dockerfile.
type BuildSpec struct {
	Tag        string
	Context    fs.FS  // the build context; its root is the folder
	Dockerfile string // relative to Context; "" means Dockerfile
	Args       map[string]string
	Target     string
	Labels     map[string]string
	// Network is the network mode of RUN steps; "" is the engine's default.
	Network string
}

// ImageProgress is one line of a pull, build or import, as it happens.
type ImageProgress struct {
	Image   string
	Stage   string // pull, build, bootstrap, import
	Text    string
	Current int64 // bytes; 0 with Total 0 when not known
	Total   int64
}

// LabelImageHash is on every image that ddsctl builds: the hash of what it was built from, so that a changed
// Dockerfile or a changed binary is noticed.
const LabelImageHash = "ddsctl.image.hash"
