package engine

import "time"

// Usage is what a container uses of the machine at one instant.
type Usage struct {
	Time time.Time `json:"time"`
	// CPU is the processor time used since the container was started.
	CPU time.Duration `json:"cpu_ns"`
	// Memory is in bytes, without what the kernel could take back at once (inactive file pages).
	Memory int64 `json:"memory"`
	// CPULimit is in cores, MemoryLimit in bytes; nil means none, or not known.
	CPULimit    *float64 `json:"cpu_limit,omitempty"`
	MemoryLimit *int64   `json:"memory_limit,omitempty"`
}

// Detail is what only an inspection of a container tells.
type Detail struct {
	Container
	// Started is when it was last started; a later one than before means that it was restarted.
	Started time.Time
	// NanoCPUs and MemoryBytes are its limits; 0 means none.
	NanoCPUs    int64
	MemoryBytes int64
	Mounts      []BoundedMount
}

// BoundedMount is a mount of a container and how much it holds.
type BoundedMount struct {
	Mount
	// Bound is the most bytes it holds; 0 where nothing bounds it but the host's own disk.
	Bound int64
}
