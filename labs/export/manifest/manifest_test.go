package manifest_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/export/manifest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// documents are the objects of a text, without the comment at its top.
func documents(text []byte) []string {
	return strings.Split(string(text), "\n---\n")[1:]
}

// template is the pod of an object that runs one, and false for another.
func template(object any) (corev1.PodTemplateSpec, []corev1.PersistentVolumeClaim, bool) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		return o.Spec.Template, nil, true
	case *appsv1.StatefulSet:
		return o.Spec.Template, o.Spec.VolumeClaimTemplates, true
	case *batchv1.Job:
		return o.Spec.Template, nil, true
	}
	return corev1.PodTemplateSpec{}, nil, false
}

// TestEveryLabOfTheCatalogueIsValidKubernetes exports them all, in each of their forms.
func TestEveryLabOfTheCatalogueIsValidKubernetes(t *testing.T) {
	entries, err := labs.Catalogue()
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for _, e := range entries {
		first, err := labs.Open(t.Context(), e.Slug, labs.Options{Profiles: []string{"*"}})
		require.NoError(t, err)
		variants := []string{""}
		for name := range first.Format.Variants {
			variants = append(variants, name)
		}
		slices.Sort(variants)
		for _, variant := range variants {
			t.Run(e.Slug+"/"+variant, func(t *testing.T) {
				lab, err := labs.Open(t.Context(), e.Slug, labs.Options{Profiles: []string{"*"}, Variant: variant})
				require.NoError(t, err)
				text, err := manifest.Of(lab)
				require.NoError(t, err)
				again, err := manifest.Of(lab)
				require.NoError(t, err)
				require.Equal(t, string(text), string(again))
				valid(t, text, lab)
			})
		}
	}
}

// valid holds a text against everything that an API server would look at, and some of what it would only notice later.
func valid(t *testing.T, text []byte, lab *labs.Lab) {
	t.Helper()
	names, containers := map[string]bool{}, map[string]bool{}
	var pods []map[string]string
	var selectors []map[string]string
	for _, document := range documents(text) {
		fits(t, []byte(document))
		object := strict(t, []byte(document))
		about, err := meta.Accessor(object)
		require.NoError(t, err)
		kind := object.GetObjectKind().GroupVersionKind().Kind
		require.Empty(t, validation.IsDNS1035Label(about.GetName()), "%s %s", kind, about.GetName())
		require.False(t, names[kind+" "+about.GetName()], "%s %s is there twice", kind, about.GetName())
		names[kind+" "+about.GetName()] = true
		for key, value := range about.GetLabels() {
			require.Empty(t, validation.IsQualifiedName(key))
			require.Empty(t, validation.IsValidLabelValue(value))
		}
		switch o := object.(type) {
		case *corev1.Service:
			selectors = append(selectors, o.Spec.Selector)
			for _, p := range o.Spec.Ports {
				require.Empty(t, validation.IsValidPortName(p.Name))
			}
		case *networkingv1.NetworkPolicy:
			selectors = append(selectors, o.Spec.PodSelector.MatchLabels)
			for _, rule := range o.Spec.Ingress {
				for _, peer := range rule.From {
					if len(peer.PodSelector.MatchLabels) > 0 {
						selectors = append(selectors, peer.PodSelector.MatchLabels)
					}
				}
			}
		}
		if pod, claims, ok := template(object); ok {
			pods = append(pods, pod.Labels)
			mounted(t, pod.Spec, claims)
			for _, c := range pod.Spec.Containers {
				containers[c.Name] = true
			}
		}
	}
	for _, selector := range selectors {
		require.True(t, slices.ContainsFunc(pods, func(labels map[string]string) bool {
			for key, value := range selector {
				if labels[key] != value {
					return false
				}
			}
			return true
		}), "%v chooses no pod", selector)
	}
	require.Len(t, containers, len(lab.Project.Services), "each service is a container")
	for _, name := range lab.Project.ServiceNames() {
		require.True(t, names["Service "+strings.ReplaceAll(name, "_", "-")], "%s has a name in the cluster", name)
	}
}

// mounted checks that what is mounted is there, once for each place, and that every name is one.
func mounted(t *testing.T, spec corev1.PodSpec, claims []corev1.PersistentVolumeClaim) {
	t.Helper()
	volumes := map[string]bool{}
	for _, v := range spec.Volumes {
		require.False(t, volumes[v.Name], "volume %s is there twice", v.Name)
		require.Empty(t, validation.IsDNS1123Label(v.Name))
		volumes[v.Name] = true
	}
	for _, c := range claims {
		require.False(t, volumes[c.Name], "claim %s is a volume too", c.Name)
		volumes[c.Name] = true
	}
	names := map[string]bool{}
	for _, c := range spec.Containers {
		require.False(t, names[c.Name], c.Name)
		names[c.Name] = true
		places, ports := map[string]bool{}, map[string]bool{}
		for _, m := range c.VolumeMounts {
			require.True(t, volumes[m.Name], "%s mounts %s, which is not there", c.Name, m.Name)
			require.False(t, places[m.MountPath], "%s mounts %s twice", c.Name, m.MountPath)
			require.True(t, strings.HasPrefix(m.MountPath, "/"), m.MountPath)
			places[m.MountPath] = true
		}
		for _, p := range c.Ports {
			require.False(t, ports[p.Name], "%s has the port %s twice", c.Name, p.Name)
			ports[p.Name] = true
		}
		for _, e := range c.Env {
			require.Empty(t, validation.IsEnvVarName(e.Name))
		}
	}
}

// TestAProjectBecomesWhatTheGoldenFileSays compares with testdata/*/kubernetes.golden.yaml.
func TestAProjectBecomesWhatTheGoldenFileSays(t *testing.T) {
	folders, err := filepath.Glob("testdata/*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		lab, err := labs.Open(t.Context(), folder, labs.Options{Trust: true, Profiles: []string{"*"}})
		require.NoError(t, err)
		text, err := manifest.Of(lab)
		require.NoError(t, err)
		valid(t, text, lab)
		golden := filepath.Join(folder, "kubernetes.golden.yaml")
		if *update {
			require.NoError(t, os.WriteFile(golden, text, 0o644))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), string(text))
	}
}
