package compose_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/compose"
	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// folder makes a folder of files: name, then content.
func folder(t testing.TB, files map[string]string) string {
	dir := filepath.Join(t.TempDir(), "My Shop")
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

func load(t testing.TB, dir string, options compose.Options) (*compose.Loaded, error) {
	return compose.Load(t.Context(), compose.Input{Dir: dir}, options)
}

const shop = `
services:
  web:
    image: web:${TAG:-1}
    profiles: [front]
    environment: {MODE: "${MODE}", PLAIN: "${HOME_OF:?}"}
    env_file: [web.env]
    depends_on: {db: {condition: service_healthy}}
  db:
    extends: {file: base/db.yaml, service: db}
    configs: [{source: settings, target: /etc/db.conf}]
    secrets: [password]
configs: {settings: {file: ./db.conf}}
secrets: {password: {file: ./password}}
x-anything: {at: all}
`

func TestAProjectIsLoadedAsDockerComposeLoadsIt(t *testing.T) {
	dir := folder(t, map[string]string{"compose.yaml": shop, "compose.override.yaml": "services: {db: {environment: {EXTRA: 1}}}",
		".env": "MODE=fast\nHOME_OF=${USER_NAME}", "web.env": "FROM_FILE=${MODE}", "db.conf": "a = 1", "password": "secret",
		"base/db.yaml": "services: {db: {image: postgres, healthcheck: {test: [CMD, ok]}}}"})
	loaded, err := load(t, dir, compose.Options{Profiles: []string{"front"}, Environment: map[string]string{"USER_NAME": "ada"}})
	require.NoError(t, err)
	p := loaded.Project
	require.Equal(t, "myshop", p.Name)
	require.Equal(t, "web:1", p.Services["web"].Image)
	env := p.Services["web"].Environment
	require.Equal(t, "fast", *env["MODE"])
	require.Equal(t, "ada", *env["PLAIN"])
	require.Equal(t, "fast", *env["FROM_FILE"])
	require.Equal(t, "postgres", p.Services["db"].Image, "extended from another file")
	require.Equal(t, "1", *p.Services["db"].Environment["EXTRA"], "the override is merged")
	require.Equal(t, map[string][]byte{"configs/settings": []byte("a = 1"), "secrets/password": []byte("secret")}, loaded.Contents)
	require.Len(t, p.ComposeFiles, 2)

	loaded, err = load(t, dir, compose.Options{Name: "other", Environment: map[string]string{"USER_NAME": "ada", "MODE": "slow"}})
	require.NoError(t, err)
	require.Equal(t, "other", loaded.Project.Name)
	require.Equal(t, "myshop", loaded.OwnName)
	require.NotContains(t, loaded.Project.Services, "web", "its profile was not asked for")
}

func TestTheFilesAreNamed(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": "name: first\nservices: {a: {image: a}}", "b.yaml": "services: {a: {image: b}}", "docker-compose.yml": "services: {c: {image: c}}"})
	loaded, err := compose.Load(t.Context(), compose.Input{Dir: dir, Files: []string{filepath.Join(dir, "a.yaml"), "b.yaml"}}, compose.Options{})
	require.NoError(t, err)
	require.Equal(t, "first", loaded.Project.Name)
	require.Equal(t, "b", loaded.Project.Services["a"].Image)
	loaded, err = load(t, dir, compose.Options{})
	require.NoError(t, err)
	require.Contains(t, loaded.Project.Services, "c")

	_, err = load(t, folder(t, map[string]string{"readme": ""}), compose.Options{})
	require.ErrorIs(t, err, compose.ErrNone)
	require.NotEmpty(t, hint.Of(err))
	_, err = compose.Load(t.Context(), compose.Input{Dir: dir, Files: []string{"missing.yaml"}}, compose.Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAFolderIsReadFromMemoryToo(t *testing.T) {
	files := fstest.MapFS{
		"compose.yaml": {Data: []byte("services: {a: {image: 'i:${TAG}', ports: ['80:80'], configs: [c]}}\nconfigs: {c: {file: ./conf/c.txt}}")},
		"conf/c.txt":   {Data: []byte("one")}, "conf/d.txt": {Data: []byte("two")}, ".env": {Data: []byte("TAG=2")},
		"more.yaml": {Data: []byte("services: {a: {labels: {x: y}}}")},
	}
	in := compose.Input{Dir: "catalogue/x/lab", FS: files}
	loaded, err := compose.Load(t.Context(), in, compose.Options{Strict: true})
	require.NoError(t, err)
	require.Equal(t, "lab", loaded.Project.Name)
	require.Equal(t, "i:2", loaded.Project.Services["a"].Image)
	require.Equal(t, "one", string(loaded.Contents["configs/c"]))
	require.Equal(t, "127.0.0.1", loaded.Project.Services["a"].Ports[0].HostIP)

	in.Overlay, in.Replace = "more.yaml", map[string]string{"conf/c.txt": "conf/d.txt"}
	loaded, err = compose.Load(t.Context(), in, compose.Options{})
	require.NoError(t, err)
	require.Equal(t, "two", string(loaded.Contents["configs/c"]))
	require.Equal(t, "y", loaded.Project.Services["a"].Labels["x"])

	for text, want := range map[string]string{
		"services: {a: {image: i, volumes: ['./x:/x']}}":                                  "is not on disk",
		"services: {a: {image: i, env_file: x.env}}":                                      "is not read for a lab of the catalogue",
		"services: {a: {build: .}}":                                                       "is built from nothing but ddsctl's own images",
		"include: [other.yaml]\nservices: {a: {image: i}}":                                "a lab of the catalogue is one Compose file",
		"services: {a: {extends: {file: b.yaml, service: x}}}":                            "a lab of the catalogue is one Compose file",
		"services: {a: {image: i, configs: [c]}}\nconfigs: {c: {file: ../../etc/passwd}}": "is not in the lab's folder",
	} {
		files["compose.yaml"] = &fstest.MapFile{Data: []byte(text)}
		_, err := compose.Load(t.Context(), compose.Input{Dir: "catalogue/x/lab", FS: files}, compose.Options{Trust: true})
		require.ErrorContains(t, err, want, text)
	}
}

// TestWhatIsNotSupportedIsRefusedByNameAndLine puts every refused key of the table into a file.
func TestWhatIsNotSupportedIsRefusedByNameAndLine(t *testing.T) {
	for _, key := range compose.Keys() {
		if key.Support != compose.Refused {
			continue
		}
		text, depth := "", 0
		words := strings.Split(key.Path, ".")
		for i, word := range words {
			if word == "*" {
				word = "thing"
			}
			text += strings.Repeat("  ", depth) + word + ":"
			if i == len(words)-1 {
				text += " [x]"
			}
			text += "\n"
			depth++
		}
		for _, trust := range []bool{false, true} {
			_, err := load(t, folder(t, map[string]string{"compose.yaml": "# first line\n" + text}), compose.Options{Trust: trust})
			var problems mark.Problems
			require.ErrorAs(t, err, &problems, key.Path)
			require.Equal(t, len(words)+1, problems[0].Line, key.Path)
			require.Contains(t, problems[0].Text, words[len(words)-1]+" is not supported: "+key.Note)
			require.True(t, strings.HasSuffix(problems[0].File, "compose.yaml"))
		}
	}
}

// TestAnEmptyValueAsksForNothing holds for what `docker compose config` writes out.
func TestAnEmptyValueAsksForNothing(t *testing.T) {
	const text = `
services:
  web:
    image: a
    deploy: {placement: {}, resources: {reservations: {devices: []}}}
    external_links: []
    volumes: [{type: volume, source: data, target: /data, volume: {}}]
volumes: {data: {}}
`
	loaded, err := load(t, folder(t, map[string]string{"compose.yaml": text}), compose.Options{})
	require.NoError(t, err)
	require.Len(t, loaded.Project.Services["web"].Volumes, 1)
	_, err = load(t, folder(t, map[string]string{"compose.yaml": strings.Replace(text, "volume: {}", "volume: {nocopy: true}", 1)}), compose.Options{})
	require.ErrorContains(t, err, "compose.yaml:7:59: volume is not supported")
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"unknown key":            {"services:\n  web:\n    image: a\n    envronment: {A: b}", `compose.yaml:4:5: unknown key "envronment"; did you mean "environment"?`},
		"unknown key at the top": {"servces: {}", `compose.yaml:1:1: unknown key "servces"; did you mean "services"?`},
		"no idea":                {"services: {web: {image: a, zzzzzzzz: 1}}", `compose.yaml:1:28: the Compose specification has no key "zzzzzzzz" here`},
		"bad YAML":               {"services:\n  web:\n   image: a: b", "compose.yaml:3:12: is not YAML: mapping values are not allowed"},
		"a list at the top":      {"- a", "compose.yaml:1:1: a Compose file is a mapping"},
		"a wrong type":           {"services:\n  web:\n    image: a\n    privileged: [x]", "compose.yaml:4:5: "},
		"in a merged part":       {"x-a: &a\n  imagee: b\nservices:\n  web:\n    <<: *a", `compose.yaml:2:3: unknown key "imagee"`},
		"in an included file":    {"include: [more.yaml]", `more.yaml:3:5: links is not supported`},
		"in an extended file":    {"services: {web: {extends: {file: more.yaml, service: old}}}", `more.yaml:3:5: links is not supported`},
		"a bad mode":             {"services:\n  web:\n    image: a\n    deploy: {mode: global}", "compose.yaml:4:14: deploy.mode: global is not supported"},
		"a bad pull policy":      {"services:\n  web:\n    image: a\n    pull_policy: daily", "compose.yaml:4:5: pull_policy: daily is not supported"},
		"a tmpfs option":         {"services:\n  web:\n    image: a\n    tmpfs:\n      - /tmp:noexec", `compose.yaml:5:9: the tmpfs option "noexec" is not supported`},
		"a missing config file":  {"services: {web: {image: a, configs: [c]}}\nconfigs:\n  c:\n    file: ./gone", "compose.yaml:4:5: "},
		"no services":            {"services: {web: {image: a, profiles: [x]}}", "has no service to run"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, folder(t, map[string]string{"compose.yaml": test.text, "more.yaml": "services:\n  old:\n    links: [x]\n    image: b\n"}), compose.Options{})
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestALabCannotReachBeyondItselfUnlessItIsTrusted has a line for each way out that somebody thought of.
func TestALabCannotReachBeyondItselfUnlessItIsTrusted(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"privileged":              {"privileged: true", "privileged gives the container the machine"},
		"a capability":            {"cap_add: [NET_ADMIN]", "the capability NET_ADMIN"},
		"all capabilities":        {"cap_add: [ALL]", "the capability ALL"},
		"no seccomp":              {"security_opt: [seccomp=unconfined]", "seccomp=unconfined takes a protection"},
		"no apparmor":             {"security_opt: ['apparmor:unconfined']", "takes a protection"},
		"a device":                {"devices: ['/dev/sda:/dev/sda']", "/dev/sda is a device of the machine"},
		"a device rule":           {"device_cgroup_rules: ['b *:* rmw']", "opens devices"},
		"the host's network":      {"network_mode: host", "network_mode: host shares the machine's own"},
		"another's network":       {"network_mode: 'container:other'", "reaches into a container outside the lab"},
		"any network":             {"network_mode: other_default", "a network that is not the lab's"},
		"the host's processes":    {"pid: host", "pid: host"},
		"the host's memory":       {"ipc: host", "ipc: host"},
		"the host's name":         {"uts: host", "uts: host"},
		"the host's users":        {"userns_mode: host", "userns_mode: host"},
		"the host's groups":       {"cgroup: host", "cgroup: host"},
		"a group outside":         {"cgroup_parent: /system.slice", "/system.slice"},
		"another runtime":         {"runtime: other", "other is another container runtime"},
		"the root":                {"volumes: ['/:/host']", "outside the lab's folder"},
		"the folder above":        {"volumes: ['..:/host:ro']", "the mount at /host of .. is outside the lab's folder"},
		"the long way":            {"volumes: [{type: bind, source: /etc, target: /e}]", "outside the lab's folder"},
		"a link inside":           {"volumes: ['./link:/host']", "outside the lab's folder"},
		"through a link":          {"volumes: ['./link/passwd:/host']", "outside the lab's folder"},
		"a link to nothing":       {"volumes: ['./dangling:/host']", "outside the lab's folder"},
		"the engine's socket":     {"volumes: ['/var/run/docker.sock:/var/run/docker.sock']", "the engine's socket"},
		"podman's socket":         {"volumes: ['/run/podman/podman.sock:/s']", "the engine's socket"},
		"an open port":            {"ports: ['0.0.0.0:80:80']", "port 80 is published on 0.0.0.0"},
		"an open port, long":      {"ports: [{target: 80, published: '80', host_ip: 192.0.2.1}]", "published on 192.0.2.1"},
		"an open IPv6 port":       {"ports: ['[::]:80:80']", "where other machines reach it"},
		"an env file outside":     {"env_file: ../outside", "outside the lab's folder"},
		"an env file by a link":   {"env_file: ./outside-link", "outside the lab's folder"},
		"a label file outside":    {"label_file: ../outside", "outside the lab's folder"},
		"a build outside":         {"build: ..", "the build context"},
		"a Dockerfile outside":    {"build: {context: ., dockerfile: ../../outside}", "the Dockerfile"},
		"a build in the network":  {"build: {context: ., network: host}", "a build in the machine's own network"},
		"never killed":            {"oom_kill_disable: true", "killed for want of memory"},
		"killed last":             {"oom_score_adj: -900", "below 0"},
		"realtime":                {"cpu_rt_runtime: 950000", "realtime scheduling"},
		"a config outside":        {"configs: [c]\nconfigs: {c: {file: ../outside}}", "the file ../outside is outside"},
		"a secret by a link":      {"secrets: [c]\nsecrets: {c: {file: ./outside-link}}", "is outside"},
		"a foreign network":       {"networks: [n]\nnetworks: {n: {external: true}}", "is not the lab's own"},
		"a macvlan":               {"networks: [n]\nnetworks: {n: {driver: macvlan}}", "the network driver macvlan"},
		"a bridge of the machine": {"networks: [n]\nnetworks: {n: {driver_opts: {com.docker.network.bridge.name: br0}}}", "changes the machine's network"},
		"a foreign volume":        {"volumes: ['v:/v']\nvolumes: {v: {external: true}}", "is not the lab's own"},
		"a volume that is a bind": {"volumes: ['v:/v']\nvolumes: {v: {driver_opts: {type: none, o: bind, device: /etc}}}", "is a folder or a disk of the machine"},
		"a bind as a tmpfs":       {"volumes: ['v:/v']\nvolumes: {v: {driver_opts: {type: tmpfs, o: bind, device: /etc}}}", "is a folder or a disk of the machine"},
		"a bind as tmpfs options": {"volumes: ['v:/v']\nvolumes: {v: {driver_opts: {type: tmpfs, o: 'size=1,bind', device: tmpfs}}}", "is a folder or a disk of the machine"},
		"a volume driver":         {"volumes: ['v:/v']\nvolumes: {v: {driver: nfs}}", "the volume driver nfs"},
		"an include above":        {"\ninclude: [../outside]", "outside the lab's folder"},
		"an include by a link":    {"\ninclude: [./outside-link]", "outside the lab's folder"},
		"an include's folder":     {"\ninclude: [{path: ./in.yaml, project_directory: ..}]", "outside the lab's folder"},
		"an include's env file":   {"\ninclude: [{path: ./in.yaml, env_file: ../outside}]", "outside the lab's folder"},
		"extends from above":      {"extends: {file: ../outside, service: a}", "outside the lab's folder"},
		"hidden in an anchor":     {"<<: {privileged: true}", "privileged gives the container the machine"},
		"hidden in a variable":    {"network_mode: '${X:-host}'", "network_mode: host"},
		"hidden in a file":        {"extends: {file: ./in.yaml, service: bad}", "privileged gives the container the machine"},
	} {
		t.Run(name, func(t *testing.T) {
			service, rest, _ := strings.Cut(test.text, "\n")
			dir := folder(t, map[string]string{"compose.yaml": "services:\n  web:\n    image: a\n    " + service + "\n" + rest + "\n",
				"in.yaml": "services:\n  bad: {image: b, privileged: true}\n  good: {image: c}\n", "Dockerfile": ""})
			outside := filepath.Join(filepath.Dir(dir), "outside")
			require.NoError(t, os.WriteFile(outside, []byte("services: {a: {image: x}}"), 0o600))
			require.NoError(t, os.Symlink("/etc", filepath.Join(dir, "link")))
			require.NoError(t, os.Symlink("/nowhere/at/all", filepath.Join(dir, "dangling")))
			require.NoError(t, os.Symlink(outside, filepath.Join(dir, "outside-link")))

			_, err := load(t, dir, compose.Options{})
			require.ErrorContains(t, err, test.want)
			var problems mark.Problems
			require.ErrorAs(t, err, &problems)
			require.Positive(t, problems[0].Line, "it has a place")
			if strings.Contains(err.Error(), "refused unless the lab is trusted") {
				require.Contains(t, hint.Of(err), "--trust")
			}
			_, err = load(t, dir, compose.Options{Trust: true})
			if err != nil { // it is no matter of trust any more
				require.NotContains(t, err.Error(), "trust")
			}
		})
	}
}

func TestWhatStaysInTheLabNeedsNoTrust(t *testing.T) {
	dir := folder(t, map[string]string{"data/x": "", "compose.yaml": `
services:
  a:
    image: a
    network_mode: service:b
    pid: service:b
    volumes: ["./data:/data", "v:/v", "/anonymous", "./new:/new"]
    security_opt: ["no-new-privileges:true"]
    cap_drop: [ALL]
    cgroup: private
    ipc: shareable
    oom_score_adj: 500
  b:
    image: b
    ports: ["127.0.0.1:8080:80", "[::1]:8081:81", "8082:82"]
    tmpfs: ["/tmp:size=1m,ro"]
volumes: {v: {driver_opts: {type: tmpfs, device: tmpfs, o: "size=10m,uid=5"}}}
networks: {default: {driver: bridge, driver_opts: {com.docker.network.driver.mtu: 1400}}}
`})
	require.NoError(t, os.Symlink("data", filepath.Join(dir, "inner")))
	loaded, err := load(t, dir, compose.Options{})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", loaded.Project.Services["b"].Ports[2].HostIP)
	require.True(t, slices.ContainsFunc(loaded.Notes, func(note string) bool {
		return strings.Contains(note, "port 82 of service b is published on 127.0.0.1 only")
	}), loaded.Notes)
	real, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(real, "data"), loaded.Project.Services["a"].Volumes[0].Source, "what was checked is what is mounted")
}

func TestVariablesThatAreNotSetAreToldOf(t *testing.T) {
	dir := folder(t, map[string]string{"compose.yaml": "services: {a: {image: 'a:${TAG}${OK:-1}${SET}$$NOT', command: ['${TAG}']}}"})
	loaded, err := load(t, dir, compose.Options{Environment: map[string]string{"SET": ""}})
	require.NoError(t, err)
	require.Equal(t, []string{"the variable TAG is not set, and stands for nothing"}, loaded.Notes)
	_, err = load(t, folder(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: '${TAG:?say which}'"}), compose.Options{})
	require.ErrorContains(t, err, "say which")
}

func TestAFileThatIsNoneDoesNotBlock(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such files")
	}
	dir := folder(t, map[string]string{"compose.yaml": "services: {a: {image: a, configs: [c]}}\nconfigs: {c: {file: ./folder}}", "folder/x": ""})
	_, err := load(t, dir, compose.Options{})
	require.ErrorContains(t, err, "is not a file")
	_, err = compose.Load(t.Context(), compose.Input{Dir: dir, Files: []string{"/dev/zero"}}, compose.Options{})
	require.ErrorContains(t, err, "is not a file")
}

func TestAPipeDoesNotBlockEither(t *testing.T) {
	for text, pipe := range map[string]string{
		"services: {a: {image: a, env_file: ./pipe}}":                           "pipe",
		"services: {a: {image: a, label_file: ./pipe}}":                         "pipe",
		"include: [{path: in/more.yaml, env_file: ./pipe}]":                     "pipe",
		"include: [in/more.yaml]\nservices: {a: {image: a}}":                    "in/.env",
		"services: {a: {image: a, configs: [c]}}\nconfigs: {c: {file: ./pipe}}": "pipe",
	} {
		dir := folder(t, map[string]string{"compose.yaml": text, "in/more.yaml": "services: {b: {image: b}}"})
		makePipe(t, filepath.Join(dir, pipe))
		_, err := load(t, dir, compose.Options{})
		require.ErrorContains(t, err, "is not a file", text)
	}
}

func TestNobodyPassesForOneOfDdsctlsOwn(t *testing.T) {
	for text, want := range map[string]string{
		"services:\n  a:\n    image: a\n    labels:\n      ddsctl.helper: wire\n":            "compose.yaml:4:5: the label ddsctl.helper is one of ddsctl's own",
		"services:\n  a:\n    image: a\n    label_file: ./labels\n":                          "the label ddsctl.helper is one of ddsctl's own",
		"services:\n  ddsctl-wire: {image: a}":                                               "compose.yaml:2:3: services whose names begin with ddsctl- are ddsctl's own",
		"services: {a: {image: a, networks: [n]}}\nnetworks: {n: {labels: {ddsctl.lab: x}}}": "the label ddsctl.lab",
	} {
		_, err := load(t, folder(t, map[string]string{"compose.yaml": text, "labels": "ddsctl.helper=wire"}), compose.Options{Trust: true})
		require.ErrorContains(t, err, want)
	}
}

func TestAFileWithoutEndIsRefused(t *testing.T) {
	bomb := "x-a: &a [" + strings.Repeat("1,", 50) + "]\nx-b: &b {" // aliases in aliases
	for i := range 30 {
		bomb += "k" + strings.Repeat("k", i) + ": *a, "
	}
	bomb += "}\nservices:\n  &s web:\n    <<: &m\n      <<: [*b, *b]\n    image: a\n"
	_, err := load(t, folder(t, map[string]string{"compose.yaml": bomb}), compose.Options{})
	require.Error(t, err)
	_, err = load(t, folder(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a\n    ports:\n      - ${P:-1-65535}:1-65535"}), compose.Options{})
	require.ErrorContains(t, err, "compose.yaml:5:9: 1-65535 are more than 1000 ports on one line")
	deep := "services: " + strings.Repeat("{a: ", 500) + "1" + strings.Repeat("}", 500)
	_, err = load(t, folder(t, map[string]string{"compose.yaml": deep}), compose.Options{})
	require.Error(t, err)
	_, err = load(t, folder(t, map[string]string{"compose.yaml": "include: [compose.yaml]"}), compose.Options{})
	require.Error(t, err)
}

func FuzzLoad(f *testing.F) {
	for _, text := range []string{shop, "services: {a: {image: a}}", "services: &a {b: *a}", "include: [x]", "a: 1\n---\nservices: {}", "services: {a: {<<: [1, {image: x}]}}",
		"services: {a: !reset null}", "services: {a: {ports: ['1-65535:1-65535']}}", "services: {a: {image: a, volumes: ['${X}:/y']}}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := fstest.MapFS{"compose.yaml": {Data: []byte(text)}}
		loaded, err := compose.Load(t.Context(), compose.Input{Dir: "x", FS: files}, compose.Options{Strict: true})
		if err != nil {
			return
		}
		for _, s := range loaded.Project.Services {
			if s.Privileged || len(s.CapAdd) > 0 || s.NetworkMode == "host" || s.Pid == "host" || len(s.Devices) > 0 {
				t.Fatalf("%q got out: %+v", text, s)
			}
			for _, p := range s.Ports {
				if p.HostIP != "127.0.0.1" && p.HostIP != "::1" && !strings.HasPrefix(p.HostIP, "127.") {
					t.Fatalf("%q publishes on %q", text, p.HostIP)
				}
			}
		}
	})
}
