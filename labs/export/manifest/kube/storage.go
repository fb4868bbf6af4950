package kube

// ConfigMap holds texts and other contents by name.
type ConfigMap struct {
	TypeMeta   `json:",inline"`
	ObjectMeta `json:"metadata"`
	Data       map[string]string `json:"data,omitempty"`
	BinaryData map[string][]byte `json:"binaryData,omitempty"`
}

// Secret holds contents by name that are not for everybody's eyes.
type Secret struct {
	TypeMeta   `json:",inline"`
	ObjectMeta `json:"metadata"`
	Data       map[string][]byte `json:"data,omitempty"`
	Type       string            `json:"type,omitempty"`
}

// SecretTypeOpaque is a Secret of no particular kind.
const SecretTypeOpaque = "Opaque"

// Volume is a volume of a Pod.
type Volume struct {
	Name         string `json:"name"`
	VolumeSource `json:",inline"`
}

// VolumeSource is where a volume comes from; one of it is set.
type VolumeSource struct {
	EmptyDir              *EmptyDirVolumeSource              `json:"emptyDir,omitempty"`
	Secret                *SecretVolumeSource                `json:"secret,omitempty"`
	PersistentVolumeClaim *PersistentVolumeClaimVolumeSource `json:"persistentVolumeClaim,omitempty"`
	ConfigMap             *ConfigMapVolumeSource             `json:"configMap,omitempty"`
}

// EmptyDirVolumeSource is a folder that goes with the Pod.
type EmptyDirVolumeSource struct {
	Medium    string    `json:"medium,omitempty"`
	SizeLimit *Quantity `json:"sizeLimit,omitempty"`
}

// StorageMediumMemory keeps a folder in memory.
const StorageMediumMemory = "Memory"

// SecretVolumeSource is a Secret as files.
type SecretVolumeSource struct {
	SecretName  string `json:"secretName,omitempty"`
	DefaultMode *int32 `json:"defaultMode,omitempty"`
}

// ConfigMapVolumeSource is a ConfigMap as files.
type ConfigMapVolumeSource struct {
	Name        string `json:"name,omitempty"`
	DefaultMode *int32 `json:"defaultMode,omitempty"`
}

// PersistentVolumeClaimVolumeSource is what a claim has got.
type PersistentVolumeClaimVolumeSource struct {
	ClaimName string `json:"claimName"`
}

// PersistentVolumeClaim asks for storage that outlives Pods.
type PersistentVolumeClaim struct {
	TypeMeta   `json:",inline"`
	ObjectMeta `json:"metadata"`
	Spec       PersistentVolumeClaimSpec `json:"spec"`
}

// PersistentVolumeClaimSpec is what is asked for.
type PersistentVolumeClaimSpec struct {
	AccessModes []string                   `json:"accessModes,omitempty"`
	Resources   VolumeResourceRequirements `json:"resources,omitzero"`
}

// How storage is used.
const (
	ReadWriteOnce = "ReadWriteOnce"
	ReadWriteMany = "ReadWriteMany"
)

// VolumeResourceRequirements say how much is asked for.
type VolumeResourceRequirements struct {
	Requests ResourceList `json:"requests,omitempty"`
}
