package manifest

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"

	"github.com/ddsctl/ddsctl/labs/export/manifest/kube"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// claimed is the size of a claim for a volume of which nothing says how much it holds.
const claimed = "1Gi"

// largestConfig is the most that a ConfigMap holds, with room for its other fields.
const largestConfig = 900 << 10

// mounts puts volumes, tmpfs, configs and secrets into a container.
func (w *writer) mounts(p *pod, c *kube.Container, s types.ServiceConfig) {
	for i, v := range s.Volumes {
		switch v.Type {
		case types.VolumeTypeTmpfs:
			size := int64(0)
			if v.Tmpfs != nil {
				size = int64(v.Tmpfs.Size)
			}
			w.memory(p, c, fmt.Sprintf("%s-tmpfs-%d", c.Name, i), v.Target, size)
		case types.VolumeTypeBind:
			w.bind(p, c, s.Name, i, v)
		default:
			w.volume(p, c, i, v)
		}
	}
	for i, text := range s.Tmpfs {
		target, options, _ := strings.Cut(text, ":")
		w.memory(p, c, fmt.Sprintf("%s-memory-%d", c.Name, i), target, sizeOption(options))
	}
	if s.ShmSize > 0 {
		w.memory(p, c, c.Name+"-shm", "/dev/shm", int64(s.ShmSize))
	}
	for i, ref := range s.Configs {
		w.file(p, c, s.Name, "config", i, types.FileReferenceConfig(ref), types.FileObjectConfig(w.lab.Project.Configs[ref.Source]))
	}
	for i, ref := range s.Secrets {
		w.file(p, c, s.Name, "secret", i, types.FileReferenceConfig(ref), types.FileObjectConfig(w.lab.Project.Secrets[ref.Source]))
	}
}

func sizeOption(options string) int64 {
	for option := range strings.SplitSeq(options, ",") {
		if text, ok := strings.CutPrefix(option, "size="); ok {
			if size, err := units.RAMInBytes(text); err == nil {
				return size
			}
		}
	}
	return 0
}

func (p *pod) add(v kube.Volume) {
	if !slices.ContainsFunc(p.spec.Volumes, func(have kube.Volume) bool { return have.Name == v.Name }) {
		p.spec.Volumes = append(p.spec.Volumes, v)
	}
}

func (w *writer) memory(p *pod, c *kube.Container, name, target string, size int64) {
	empty := &kube.EmptyDirVolumeSource{Medium: kube.StorageMediumMemory}
	if size > 0 {
		limit := kube.Bytes(size)
		empty.SizeLimit = &limit
	}
	name = label(name)
	p.add(kube.Volume{Name: name, VolumeSource: kube.VolumeSource{EmptyDir: empty}})
	c.VolumeMounts = append(c.VolumeMounts, kube.VolumeMount{Name: name, MountPath: target})
}

// volume mounts a named volume: a claim of the pod's own, one that several pods share, or memory where the volume is that.
func (w *writer) volume(p *pod, c *kube.Container, i int, v types.ServiceVolumeConfig) {
	if v.Source == "" {
		name := label(fmt.Sprintf("%s-volume-%d", c.Name, i))
		p.add(kube.Volume{Name: name, VolumeSource: kube.VolumeSource{EmptyDir: &kube.EmptyDirVolumeSource{}}})
		c.VolumeMounts = append(c.VolumeMounts, kube.VolumeMount{Name: name, MountPath: v.Target, ReadOnly: v.ReadOnly})
		return
	}
	name := label(v.Source)
	config := w.lab.Project.Volumes[v.Source]
	size := sizeOption(config.DriverOpts["o"])
	users := w.podsOf(v.Source)
	storage := kube.Quantity(claimed)
	if size > 0 {
		storage = kube.Bytes(size)
	}
	claim := kube.PersistentVolumeClaimSpec{AccessModes: []string{kube.ReadWriteOnce},
		Resources: kube.VolumeResourceRequirements{Requests: kube.ResourceList{kube.ResourceStorage: storage}}}
	shared := len(users) > 1 || bool(config.External)
	switch {
	case shared:
		claim.AccessModes = []string{kube.ReadWriteMany}
		p.add(kube.Volume{Name: name, VolumeSource: kube.VolumeSource{PersistentVolumeClaim: &kube.PersistentVolumeClaimVolumeSource{ClaimName: name}}})
		if !w.claims[name] {
			w.claims[name] = true
			w.note("the volume %s is used by %s: its claim needs storage that several nodes can write (ReadWriteMany)", v.Source, strings.Join(users, ", "))
			w.add("PersistentVolumeClaim", name, &kube.PersistentVolumeClaim{TypeMeta: kube.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
				ObjectMeta: w.meta(name), Spec: claim})
		}
	case config.DriverOpts["type"] == "tmpfs":
		empty := &kube.EmptyDirVolumeSource{Medium: kube.StorageMediumMemory}
		if size > 0 {
			empty.SizeLimit = &storage
		}
		p.add(kube.Volume{Name: name, VolumeSource: kube.VolumeSource{EmptyDir: empty}})
	case !slices.ContainsFunc(p.claims, func(have kube.PersistentVolumeClaim) bool { return have.Name == name }):
		p.claims = append(p.claims, kube.PersistentVolumeClaim{TypeMeta: kube.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
			ObjectMeta: w.meta(name), Spec: claim})
	}
	mount := kube.VolumeMount{Name: name, MountPath: v.Target, ReadOnly: v.ReadOnly}
	if v.Volume != nil {
		mount.SubPath = v.Volume.Subpath
	}
	c.VolumeMounts = append(c.VolumeMounts, mount)
}

// podsOf are the names of the pods that mount a volume, sorted.
func (w *writer) podsOf(volume string) []string {
	var names []string
	for service, config := range w.lab.Project.Services {
		if slices.ContainsFunc(config.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Type == types.VolumeTypeVolume && v.Source == volume }) {
			names = append(names, w.of[service].name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// dropClaims gives a Job, which has no templates of claims, room of its own.
func (w *writer) dropClaims(p *pod, spec *kube.PodSpec) {
	for _, claim := range p.claims {
		spec.Volumes = append(spec.Volumes, kube.Volume{Name: claim.Name, VolumeSource: kube.VolumeSource{EmptyDir: &kube.EmptyDirVolumeSource{}}})
		w.note("%s: what it writes into the volume %s goes with it", p.services[0], claim.Name)
	}
}

// bind carries a mounted file over as a ConfigMap. A folder of this machine is none of the cluster's.
func (w *writer) bind(p *pod, c *kube.Container, service string, i int, v types.ServiceVolumeConfig) {
	info, err := os.Stat(v.Source)
	if err == nil && info.Mode().IsRegular() && info.Size() <= largestConfig {
		content, err := os.ReadFile(v.Source)
		if err == nil {
			name := label(fmt.Sprintf("%s-file-%d", c.Name, i))
			w.configMap(name, path.Base(filepath.ToSlash(v.Source)), content)
			w.mountFile(p, c, kube.VolumeSource{ConfigMap: &kube.ConfigMapVolumeSource{Name: name}},
				name, path.Base(filepath.ToSlash(v.Source)), v.Target)
			w.note("%s: the file at %s is a ConfigMap, and is not written", service, v.Target)
			return
		}
	}
	name := label(fmt.Sprintf("%s-bind-%d", c.Name, i))
	p.add(kube.Volume{Name: name, VolumeSource: kube.VolumeSource{EmptyDir: &kube.EmptyDirVolumeSource{}}})
	c.VolumeMounts = append(c.VolumeMounts, kube.VolumeMount{Name: name, MountPath: v.Target, ReadOnly: v.ReadOnly})
	w.note("%s: an empty folder stands at %s, where Compose mounts one of this machine; put it into the image", service, v.Target)
}

// content is what a config or a secret says.
func (w *writer) content(key string, object types.FileObjectConfig) ([]byte, bool) {
	if content, ok := w.lab.Contents[key]; ok {
		return content, true
	}
	switch {
	case object.Environment != "":
		return []byte(w.lab.Project.Environment[object.Environment]), true
	case object.Content != "":
		return []byte(object.Content), true
	case object.File != "":
		content, err := os.ReadFile(object.File)
		return content, err == nil
	}
	return nil, false
}

// file mounts a config or a secret.
func (w *writer) file(p *pod, c *kube.Container, service, kind string, i int, ref types.FileReferenceConfig, object types.FileObjectConfig) {
	key, target := plan.ConfigKey(ref.Source), cmp.Or(ref.Target, "/"+ref.Source)
	if kind == "secret" {
		key, target = plan.SecretKey(ref.Source), cmp.Or(ref.Target, ref.Source)
		if !path.IsAbs(target) {
			target = "/run/secrets/" + target
		}
	}
	content, ok := w.content(key, object)
	if !ok {
		w.note("%s: the %s %s could not be read, and is missing", service, kind, ref.Source)
		return
	}
	name := label(ref.Source)
	volume := label(fmt.Sprintf("%s-%s-%d", c.Name, kind, i))
	mode := (*int32)(nil)
	if ref.Mode != nil {
		m := int32(*ref.Mode & 0o777)
		mode = &m
	}
	source := kube.VolumeSource{ConfigMap: &kube.ConfigMapVolumeSource{Name: name, DefaultMode: mode}}
	if kind == "secret" {
		source = kube.VolumeSource{Secret: &kube.SecretVolumeSource{SecretName: name, DefaultMode: mode}}
	}
	if !w.configs[key] {
		w.configs[key] = true
		if kind == "secret" {
			w.add("Secret", name, &kube.Secret{TypeMeta: kube.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: w.meta(name),
				Type: kube.SecretTypeOpaque, Data: map[string][]byte{dataKey: content}})
		} else {
			w.configMap(name, dataKey, content)
		}
	}
	w.mountFile(p, c, source, volume, dataKey, target)
}

// dataKey is under which a config's content stands: it may be mounted under several names.
const dataKey = "content"

func (w *writer) configMap(name, key string, content []byte) {
	m := &kube.ConfigMap{TypeMeta: kube.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: w.meta(name)}
	if utf8.Valid(content) {
		m.Data = map[string]string{key: string(content)}
	} else {
		m.BinaryData = map[string][]byte{key: content}
	}
	w.add("ConfigMap", name, m)
}

func (w *writer) mountFile(p *pod, c *kube.Container, source kube.VolumeSource, volume, key, target string) {
	p.add(kube.Volume{Name: volume, VolumeSource: source})
	c.VolumeMounts = append(c.VolumeMounts, kube.VolumeMount{Name: volume, MountPath: target, SubPath: key, ReadOnly: true})
}
