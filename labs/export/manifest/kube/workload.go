package kube

// Deployment runs interchangeable Pods.
type Deployment struct {
	TypeMeta   `json:",inline"`
	ObjectMeta `json:"metadata"`
	Spec       DeploymentSpec `json:"spec"`
}

// DeploymentSpec is what a Deployment is to be.
type DeploymentSpec struct {
	Replicas *int32          `json:"replicas,omitempty"`
	Selector *LabelSelector  `json:"selector"`
	Template PodTemplateSpec `json:"template"`
}

// StatefulSet runs Pods that have a name and storage of their own.
type StatefulSet struct {
	TypeMeta   `json:",inline"`
	ObjectMeta `json:"metadata"`
	Spec       StatefulSetSpec `json:"spec"`
}

// StatefulSetSpec is what a StatefulSet is to be.
type StatefulSetSpec struct {
	Replicas             *int32                  `json:"replicas,omitempty"`
	Selector             *LabelSelector          `json:"selector"`
	Template             PodTemplateSpec         `json:"template"`
	VolumeClaimTemplates []PersistentVolumeClaim `json:"volumeClaimTemplates,omitempty"`
	ServiceName          string                  `json:"serviceName"`
	PodManagementPolicy  string                  `json:"podManagementPolicy,omitempty"`
}

// ParallelPodManagement starts all Pods of a StatefulSet at once.
const ParallelPodManagement = "Parallel"

// Job runs Pods until they have ended well.
type Job struct {
	TypeMeta   `json:",inline"`
	ObjectMeta `json:"metadata"`
	Spec       JobSpec `json:"spec"`
}

// JobSpec is what a Job is to be.
type JobSpec struct {
	Parallelism *int32          `json:"parallelism,omitempty"`
	Completions *int32          `json:"completions,omitempty"`
	Template    PodTemplateSpec `json:"template"`
}

// PodTemplateSpec is the Pod that a workload makes.
type PodTemplateSpec struct {
	ObjectMeta `json:"metadata"`
	Spec       PodSpec `json:"spec"`
}

// PodSpec is what a Pod is to be.
type PodSpec struct {
	Volumes                       []Volume            `json:"volumes,omitempty"`
	Containers                    []Container         `json:"containers"`
	RestartPolicy                 string              `json:"restartPolicy,omitempty"`
	TerminationGracePeriodSeconds *int64              `json:"terminationGracePeriodSeconds,omitempty"`
	DNSPolicy                     string              `json:"dnsPolicy,omitempty"`
	AutomountServiceAccountToken  *bool               `json:"automountServiceAccountToken,omitempty"`
	HostNetwork                   bool                `json:"hostNetwork,omitempty"`
	HostPID                       bool                `json:"hostPID,omitempty"`
	HostIPC                       bool                `json:"hostIPC,omitempty"`
	ShareProcessNamespace         *bool               `json:"shareProcessNamespace,omitempty"`
	SecurityContext               *PodSecurityContext `json:"securityContext,omitempty"`
	Hostname                      string              `json:"hostname,omitempty"`
	HostAliases                   []HostAlias         `json:"hostAliases,omitempty"`
	DNSConfig                     *PodDNSConfig       `json:"dnsConfig,omitempty"`
	EnableServiceLinks            *bool               `json:"enableServiceLinks,omitempty"`
}

// Words of a PodSpec.
const (
	RestartPolicyOnFailure     = "OnFailure"
	DNSClusterFirstWithHostNet = "ClusterFirstWithHostNet"
)

// PodSecurityContext holds for every container of a Pod.
type PodSecurityContext struct {
	SupplementalGroups []int64  `json:"supplementalGroups,omitempty"`
	Sysctls            []Sysctl `json:"sysctls,omitempty"`
}

// Sysctl is a parameter of the kernel.
type Sysctl struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// HostAlias is a line of /etc/hosts.
type HostAlias struct {
	IP        string   `json:"ip"`
	Hostnames []string `json:"hostnames,omitempty"`
}

// PodDNSConfig adds to how names are looked up.
type PodDNSConfig struct {
	Nameservers []string             `json:"nameservers,omitempty"`
	Searches    []string             `json:"searches,omitempty"`
	Options     []PodDNSConfigOption `json:"options,omitempty"`
}

// PodDNSConfigOption is an option of the resolver.
type PodDNSConfigOption struct {
	Name  string  `json:"name,omitempty"`
	Value *string `json:"value,omitempty"`
}
