package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// serviceHash is the hash of everything that, when changed, asks for a new container. What only concerns how many
// containers there are, when they start, or where the image came from is left out. encoding/json writes maps in the order
// of their keys, which makes the form canonical.
func serviceHash(config types.ServiceConfig, c engine.ContainerSpec, imageID string, networks map[string]string) (string, error) {
	config.Scale, config.Profiles, config.DependsOn = nil, nil, nil
	config.Build, config.Develop, config.Extends, config.Provider, config.Attach = nil, nil, nil, nil, nil
	config.PullPolicy, config.PullRefreshAfter, config.Dockerfile = "", "", ""
	config.EnvFiles, config.LabelFiles = nil, nil // their contents are in Environment and Labels
	if config.Deploy != nil {
		deploy := *config.Deploy
		deploy.Replicas, deploy.Mode = nil, ""
		deploy.UpdateConfig, deploy.RollbackConfig = nil, nil
		config.Deploy = &deploy
		if mustHash(deploy) == mustHash(types.DeployConfig{}) {
			config.Deploy = nil
		}
	}
	labels := map[string]string{}
	maps.Copy(labels, config.Labels)
	maps.Copy(labels, config.CustomLabels)
	return hash(struct {
		Service  types.ServiceConfig
		Labels   map[string]string
		ImageID  string
		Networks map[string]string
		Mounts   []engine.Mount
		Files    []engine.File
	}{config, labels, imageID, networks, c.Mounts, c.Files})
}

// networkHash leaves labels out: a changed label is not worth the containers on the network.
func networkHash(name string, config types.NetworkConfig) string {
	config.Name, config.Labels = name, nil
	return mustHash(config)
}

func volumeHash(name string, config types.VolumeConfig) string {
	config.Name, config.Labels = name, nil
	return mustHash(config)
}

func hash(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("hash the configuration: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// mustHash is for types that always have a JSON form: strings, numbers and maps of strings.
func mustHash(value any) string {
	sum, err := hash(value)
	if err != nil {
		panic(err)
	}
	return sum
}
