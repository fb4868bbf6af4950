package attached_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/attached"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

const file = `
name: shop
services:
  web:
    image: acme/web
    environment: {STORE: "${HOST_OF_STORE}:6379"}
    depends_on: {db: {condition: service_healthy}}
    networks: [back]
    develop: {watch: [{path: ., action: rebuild}]}
    ports: ["8080:80"]
  store: {image: redis, networks: [back]}
  db: {image: postgres, networks: [back]}
  tools: {image: tools, profiles: [tools], networks: [back]}
networks: {back: {}}
`

// shop is a project that Docker Compose has started: web, store and db, whose image has the healthcheck, a sidecar in web's network that the
// file does not know, and a container of `docker compose run`.
func shop(t *testing.T, dir string) (*fake.Engine, engine.State) {
	t.Helper()
	now := time.Unix(1_000, 0)
	e := fake.New(fake.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
	t.Cleanup(func() { _ = e.Close() })
	_, err := e.CreateNetwork(t.Context(), engine.NetworkSpec{Name: "shop_back", Labels: map[string]string{engine.LabelProject: "shop", engine.LabelNetwork: "back"}})
	require.NoError(t, err)
	put := func(name, service, number string, more map[string]string, change func(*engine.ContainerSpec)) string {
		labels := map[string]string{engine.LabelProject: "shop", engine.LabelService: service, engine.LabelNumber: number, engine.LabelWorkingDir: dir,
			engine.LabelConfigFiles: filepath.Join(dir, "compose.yaml"), engine.LabelOneOff: "False"}
		for k, v := range more {
			labels[k] = v
		}
		spec := engine.ContainerSpec{Name: "shop-" + name, Project: "shop", Labels: labels, Networks: []engine.Attachment{{Network: "shop_back"}}}
		spec.Service.Name, spec.Service.Image = service, "acme/"+service
		if change != nil {
			change(&spec)
		}
		id, err := e.CreateContainer(t.Context(), spec)
		require.NoError(t, err)
		require.NoError(t, e.StartContainer(t.Context(), id))
		return id
	}
	put("store-1", "store", "1", nil, func(s *engine.ContainerSpec) { s.Service.Image = "redis:7" })
	put("store-2", "store", "2", nil, func(s *engine.ContainerSpec) { s.Service.Image = "redis:7" })
	put("db-1", "db", "1", nil, func(s *engine.ContainerSpec) {
		s.Service.HealthCheck = &types.HealthCheckConfig{Test: []string{"CMD", "true"}}
	})
	web := put("web-1", "web", "1", map[string]string{engine.LabelDependsOn: "db:service_healthy:false,gone:service_started:true"}, func(s *engine.ContainerSpec) {
		s.Service.Environment = types.NewMappingWithEquals([]string{"STORE=store:6379"})
	})
	put("side-1", "side", "1", map[string]string{engine.LabelDependsOn: ""}, func(s *engine.ContainerSpec) {
		s.NetworkMode, s.Networks = "container:"+web, nil
	})
	put("web-run-1", "web", "1", map[string]string{engine.LabelOneOff: "True"}, nil)
	state, err := e.State(t.Context(), "shop")
	require.NoError(t, err)
	return e, state
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestWithoutFilesTheContainersSayAll(t *testing.T) {
	e, state := shop(t, filepath.Join(t.TempDir(), "gone"))
	lab, err := attached.Open(t.Context(), e, "shop", state, nil)
	require.NoError(t, err)
	require.Empty(t, lab.Source)
	require.Empty(t, lab.Guide())
	require.Equal(t, []string{"db", "side", "store", "web"}, lab.Project.ServiceNames())
	require.Equal(t, []format.Link{{From: "web", To: "store", Port: 6379}, {From: "web", To: "db"}}, lab.Links())
	require.Equal(t, "redis", lab.Service("store").Kind)
	desired, err := plan.Want(lab.Spec())
	require.NoError(t, err)
	for _, s := range desired.Services {
		switch s.Name {
		case "store":
			require.Equal(t, 2, s.Scale)
		case "side":
			require.Equal(t, []plan.Share{{Namespace: plan.ShareNetwork, Service: "web"}}, s.Shares)
		case "db":
			require.Len(t, s.Probes, 1)
		}
	}
}

func TestFilesSayMoreAndTheContainersDecideWhatIsThere(t *testing.T) {
	dir := write(t, map[string]string{"compose.yaml": file, "guide.md": "# Shop",
		"lab.yaml": "version: 1\ntitle: The shop\nservices:\n  store: {kind: redis, role: cache}\nurls: [{service: web, port: 80, scheme: http}]\n"})
	e, state := shop(t, dir)
	lab, err := attached.Open(t.Context(), e, "shop", state, map[string]string{"HOST_OF_STORE": "store"})
	require.NoError(t, err)
	require.Empty(t, lab.Notes)
	require.Equal(t, dir, lab.Source)
	require.Equal(t, "The shop", lab.Title)
	require.Equal(t, "# Shop", lab.Guide())
	require.Equal(t, []string{"db", "side", "store", "web"}, lab.Project.ServiceNames(), "tools has no container")
	require.Equal(t, "cache", lab.Service("store").Role)
	require.Contains(t, lab.Links(), format.Link{From: "web", To: "store", Port: 6379})
	require.Contains(t, lab.Links(), format.Link{From: format.HostName, To: "web", Port: 80})
	_, err = plan.Want(lab.Spec())
	require.NoError(t, err, "what the image says makes db healthy")
}

func TestFilesThatCannotBeReadAreSaidSo(t *testing.T) {
	e, state := shop(t, write(t, map[string]string{"compose.yaml": file + "  extra: {driver_opts: }\nmodels: {m: {model: x}}\n"}))
	lab, err := attached.Open(t.Context(), e, "shop", state, nil)
	require.NoError(t, err)
	require.Len(t, lab.Notes, 1)
	require.Contains(t, lab.Notes[0], "all is read from the containers")
	require.Len(t, lab.Project.Services, 4)

	e, state = shop(t, write(t, map[string]string{"lab.yaml": "version: 1\ntitle: Another\nservices: {nobody: {kind: x}}\n"}))
	lab, err = attached.Open(t.Context(), e, "shop", state, nil)
	require.NoError(t, err)
	require.Len(t, lab.Notes, 1)
	require.Contains(t, lab.Notes[0], "nobody")
	require.Nil(t, lab.Format)
}
