package engine

// Names are names that somebody means to use in the engine.
type Names struct {
	Containers []string
	Networks   []string
	Volumes    []string
}

// Empty says that there is no name in it.
func (n Names) Empty() bool { return len(n.Containers)+len(n.Networks)+len(n.Volumes) == 0 }

// The kinds of things that have a name.
const (
	KindContainer = "container"
	KindNetwork   = "network"
	KindVolume    = "volume"
)

// Claim is a name in use: by what, and whose. An engine answers `Claims(ctx, Names) ([]Claim, error)` with one Claim
// for each thing, of whatever project or none, that carries exactly one of the names.
type Claim struct {
	Kind   string            `json:"kind"`
	Name   string            `json:"name"`
	ID     string            `json:"id"`
	Labels map[string]string `json:"labels"`
}

// Ours says whether ddsctl made the thing.
func (c Claim) Ours() bool { return c.Labels[LabelLab] != "" }

// Project is the Compose project the thing belongs to, or "".
func (c Claim) Project() string { return c.Labels[LabelProject] }
