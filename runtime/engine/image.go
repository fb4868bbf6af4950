package engine

import (
	"io/fs"
	"time"
)

// Image is an image as the engine shows it. Tags are NAME:TAG; an image that lost its name has none.
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
	// NoCache builds every step anew.
	NoCache bool
}

// ImageProgress is one line of a pull, build or import, as it happens.
type ImageProgress struct {
	Image   string
	Stage   string // one of the Stage words
	Text    string
	Current int64 // bytes; 0 with Total 0 when not known
	Total   int64
}

// The stages of an image on its way.
const (
	StagePull      = "pull"
	StageBuild     = "build"
	StageBootstrap = "bootstrap" // a base image is made from Debian's packages
	StageImport    = "import"
	// StageReady is the last of each image; Text is how it came: present, pulled, built, bootstrapped, imported.
	StageReady = "ready"
)

const (
	// LabelImageHash is on every image that ddsctl builds: the hash of what it was built from, so that a changed
	// Dockerfile or a changed binary is noticed.
	LabelImageHash = "ddsctl.image.hash"
	// LabelImage is on every image that ddsctl makes, and on the layers of its own images while they are built: the image's
	// name. What carries it and has lost its tag is ddsctl's to remove.
	LabelImage = "ddsctl.image"
)
