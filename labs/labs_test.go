package labs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

func write(t testing.TB, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

const composeText = `
services:
  web: {image: nginx, ports: ["8080:80", "9000"], depends_on: [db], profiles: [""]}
  db: {image: "docker.io/library/mariadb:11"}
  job: {image: job, profiles: [extra]}
`

func TestAPlainComposeProjectIsALab(t *testing.T) {
	dir := write(t, filepath.Join(t.TempDir(), "shop"), map[string]string{"compose.yaml": strings.Replace(composeText, `, profiles: [""]`, "", 1)})
	for _, ref := range []string{dir, filepath.Join(dir, "compose.yaml")} {
		lab, err := labs.Open(t.Context(), ref, labs.Options{})
		require.NoError(t, err)
		require.True(t, lab.Plain())
		require.Equal(t, "shop", lab.Slug)
		require.Equal(t, "shop", lab.Title)
		require.Equal(t, dir, lab.Source)
		require.Empty(t, lab.Guide())
		require.Equal(t, "mysql", lab.Service("db").Kind)
		require.Equal(t, []format.Link{{From: format.HostName, To: "web", Port: 80}, {From: "web", To: "db", Port: 3306}}, lab.Links())
		require.Equal(t, []labs.Address{{Service: "web", Port: 80, URL: "127.0.0.1:8080"}}, lab.Addresses(), "a port that the engine picks is not known yet")
		spec := lab.Spec()
		require.Equal(t, "shop", spec.Lab)
		require.Equal(t, dir, spec.Source)
	}
	lab, err := labs.Open(t.Context(), dir, labs.Options{Name: "second"})
	require.NoError(t, err)
	require.Equal(t, "second", lab.Project.Name)
	require.Equal(t, "shop", lab.Slug, "another name for the instance is no other lab")
}

func TestAFolderMayBeNamedInManyWays(t *testing.T) {
	parent := t.TempDir()
	write(t, filepath.Join(parent, "shop"), map[string]string{"compose.yaml": "services: {a: {image: a}}"})
	t.Chdir(parent)
	for _, ref := range []string{"./shop", "shop/", "shop", "shop/compose.yaml"} {
		lab, err := labs.Open(t.Context(), ref, labs.Options{})
		require.NoError(t, err, ref)
		require.Equal(t, "shop", lab.Slug)
	}
	write(t, filepath.Join(parent, "sharded-redis"), map[string]string{"compose.yaml": "services: {a: {image: a}}"})
	lab, err := labs.Open(t.Context(), "sharded-redis", labs.Options{})
	require.NoError(t, err)
	require.Equal(t, labs.SourceCatalogue, lab.Source, "a word is a lab of the catalogue first")
	lab, err = labs.Open(t.Context(), "./sharded-redis", labs.Options{})
	require.NoError(t, err)
	require.NotEqual(t, labs.SourceCatalogue, lab.Source)

	lab, err = labs.Open(t.Context(), "", labs.Options{Files: []string{"shop/compose.yaml"}})
	require.NoError(t, err)
	require.Equal(t, "shop", lab.Slug)
}

func TestAnUnknownLabSuggestsTheOneThatWasMeant(t *testing.T) {
	for ref, want := range map[string]string{"shardred-redis": "did you mean sharded-redis?", "redis": "did you mean sharded-redis?", "banana": "ddsctl lab list"} {
		_, err := labs.Open(t.Context(), ref, labs.Options{})
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.Contains(t, hint.Of(err), want)
	}
	_, err := labs.Open(t.Context(), "./nowhere", labs.Options{})
	require.ErrorIs(t, err, fs.ErrNotExist)
}

const labText = `version: 1
title: A shop
services:
  web: {kind: nginx, ready: [{tcp: 80}]}
links: [{from: web, to: db}]
workloads: [{target: "http://web/"}]
urls: [{service: web, port: 80, scheme: http, path: /shop, label: the shop}]
variants:
  big:
    compose: big.yaml
    workloads: [{name: more, target: "http://web/"}]
    services: {web: {kind: haproxy}}
`

func shop(t testing.TB, changes ...string) string {
	files := map[string]string{
		"lab.yaml":     labText,
		"compose.yaml": "name: shop\nservices:\n  web: {image: a, ports: [\"8080:80\"], configs: [c]}\n  db: {image: b}\nconfigs: {c: {file: ./c}}\n",
		"c":            "one", "c2": "two",
		"big.yaml": "services: {db: {scale: 2}}",
		"guide.md": "# Predict\n## Do\n### Watch\n# Why it is so\n",
	}
	for i := 0; i+2 < len(changes); i += 3 {
		require.Contains(t, files[changes[i]], changes[i+1])
		files[changes[i]] = strings.Replace(files[changes[i]], changes[i+1], changes[i+2], 1)
	}
	return write(t, t.TempDir(), files)
}

func TestTheLabFileAddsToTheComposeFile(t *testing.T) {
	lab, err := labs.Open(t.Context(), shop(t), labs.Options{})
	require.NoError(t, err)
	require.Equal(t, "A shop", lab.Title)
	require.Equal(t, "shop", lab.Slug)
	require.Equal(t, []labs.Address{{Service: "web", Port: 80, Label: "the shop", URL: "http://127.0.0.1:8080/shop"}}, lab.Addresses())
	require.Equal(t, "tcp port 80", lab.Spec().Probes["web"][0].String())
	require.Equal(t, "http", lab.Workloads()[0].Name, "with its defaults")
	require.Equal(t, "one", string(lab.Spec().Contents[plan.ConfigKey("c")]))
	require.Contains(t, lab.Guide(), "Watch")
}

func TestAVariantIsTheSameLabInAnotherForm(t *testing.T) {
	dir := shop(t, "lab.yaml", "    compose: big.yaml\n", "    compose: big.yaml\n    files: {c: c2}\n")
	lab, err := labs.Open(t.Context(), dir, labs.Options{Variant: "big"})
	require.NoError(t, err)
	db := lab.Project.Services["db"]
	require.Equal(t, 2, db.GetScale())
	require.Equal(t, "two", string(lab.Spec().Contents[plan.ConfigKey("c")]))
	require.Equal(t, "more", lab.Workloads()[0].Name)
	require.Equal(t, "haproxy", lab.Service("web").Kind)
	_, err = labs.Open(t.Context(), dir, labs.Options{Variant: "small"})
	require.ErrorContains(t, err, `no variant "small"`)
	require.Contains(t, hint.Of(err), "big")
}

func TestALabAndItsComposeFileMustAgree(t *testing.T) {
	_, err := labs.Open(t.Context(), shop(t, "lab.yaml", "to: db", "to: bd"), labs.Options{})
	require.ErrorContains(t, err, `lab.yaml:5:25: there is no service "bd" in the Compose file; did you mean "db"?`)
	var problems mark.Problems
	require.ErrorAs(t, err, &problems)
}

func lint(t *testing.T, dir string) string {
	findings, err := labs.Lint(t.Context(), dir, labs.LintOptions{
		Expectation: func(text string) error {
			if strings.Contains(text, "bad") {
				return errors.New("no such metric")
			}
			return nil
		}})
	require.NoError(t, err)
	return mark.Problems(findings).Error()
}

func TestLintFindsWhatIsWrongAndWhatCouldBeBetter(t *testing.T) {
	safe := strings.NewReplacer("image: a,", `image: a, mem_limit: 1m, pids_limit: 9, cap_drop: [ALL], security_opt: ["no-new-privileges:true"],`).Replace
	clean := shop(t, "compose.yaml", "image: a,", safe("image: a,"), "compose.yaml", "image: b", strings.TrimSuffix(safe("image: a,"), ","))
	require.Empty(t, lint(t, clean))

	for want, changes := range map[string][]string{
		`unknown key "titel"; did you mean "title"?`:                        {"lab.yaml", "title:", "titel:"},
		`compose.yaml:3:19: unknown key "prots"; did you mean "ports"?`:     {"compose.yaml", "ports:", "prots:"},
		`there is no service "wbe"`:                                         {"lab.yaml", "{from: web", "{from: wbe"},
		`has no heading with the word "watch"`:                              {"guide.md", "Watch", "Look"},
		`statistics of "ngin" cannot be read`:                               {"lab.yaml", "kind: nginx,", "kind: ngin, stats: {port: 1},"},
		`did you mean "nginx"?`:                                             {"lab.yaml", "kind: nginx,", "kind: ngin, stats: {port: 1},"},
		`there is no image "ddsctl/rdis"`:                                   {"compose.yaml", "image: b", "image: ddsctl/rdis"},
		`services db and web publish the same port 127.0.0.1:8080/tcp`:      {"compose.yaml", "image: b", `image: b, ports: ["8080:1"]`},
		`service db has no mem_limit, pids_limit, cap_drop, no-new-privile`: {"compose.yaml", "image: b", "image: b"},
		`big.yaml`:                {"big.yaml", "scale", "scal"},
		`variants.big`:            {"lab.yaml", "compose: big.yaml\n", "compose: big.yaml\n    files: {c: c3}\n"},
		`no such metric`:          {"lab.yaml", "variants:", "exercises: [{id: a, title: a, text: a, do: {checks: [{text: c, expect: bad}]}}]\nvariants:"},
		`exercise a has no hints`: {"lab.yaml", "variants:", "exercises: [{id: a, title: a, text: a, do: {checks: [{text: c, expect: bad}]}}]\nvariants:"},
		`the explanation can be read by whoever opens the file`: {"lab.yaml", "variants:", "exercises: [{id: a, title: a, text: a, explanation: x, do: {checks: [{text: c, expect: bad}]}}]\nvariants:"},
		`service_healthy`: {"compose.yaml", "image: b", "image: b, depends_on: {web: {condition: service_healthyy}}"},
	} {
		found := lint(t, shop(t, changes...))
		if want == "variants.big" {
			require.Contains(t, found, "c3 is not in the lab's folder")
			continue
		}
		require.Contains(t, found, want, changes)
	}
	_, err := labs.Lint(t.Context(), filepath.Join(clean, "nowhere"), labs.LintOptions{})
	require.Error(t, err)
}

func TestLintOfAChapterHoldsTheLabToItsFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ch05-serving", "shop")
	write(t, dir, map[string]string{"compose.yaml": "services: {web: {image: a}, db: {image: b}}", "lab.yaml": "version: 1\ntitle: x\nchapter: 4\n"})
	require.Contains(t, lint(t, dir), "the lab's folder is in chapter 5, and it says 4")
}

func TestInitCopiesALabToChangeIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "down", "mine")
	files, err := labs.Init(t.Context(), "sharded-redis", dir)
	require.NoError(t, err)
	require.Contains(t, files, "compose.yaml")
	require.Contains(t, files, "twemproxy.yml")
	mine, err := labs.Open(t.Context(), dir, labs.Options{})
	require.NoError(t, err)
	catalogue, err := labs.Open(t.Context(), "sharded-redis", labs.Options{})
	require.NoError(t, err)
	require.Equal(t, catalogue.Slug, mine.Slug, "a copy stays the lab that it is a copy of")
	require.Equal(t, catalogue.Contents, mine.Contents)

	second := filepath.Join(t.TempDir(), "second")
	require.NoError(t, os.Mkdir(second, 0o755))
	copied, err := labs.Init(t.Context(), dir, second)
	require.NoError(t, err, "an empty folder is fine, and so is a lab that is a folder")
	require.Equal(t, files, copied)
}

func TestInitNeverLosesAnything(t *testing.T) {
	dir := write(t, t.TempDir(), map[string]string{"compose.yaml": "mine"})
	_, err := labs.Init(t.Context(), "sharded-redis", dir)
	require.ErrorContains(t, err, "is not empty: it has compose.yaml")
	text, err := os.ReadFile(filepath.Join(dir, "compose.yaml"))
	require.NoError(t, err)
	require.Equal(t, "mine", string(text))

	_, err = labs.Init(t.Context(), dir, filepath.Join(dir, "inside"))
	require.ErrorContains(t, err, "is inside it")
	if runtime.GOOS != "windows" {
		source := shop(t)
		require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(source, "zz")))
		target := filepath.Join(t.TempDir(), "a", "b")
		_, err = labs.Init(t.Context(), source, target)
		require.ErrorContains(t, err, "zz is neither a file nor a folder")
		require.NoDirExists(t, filepath.Dir(target), "what fails half-way leaves nothing behind")
	}
	_, err = labs.Init(t.Context(), "shardedredis", filepath.Join(t.TempDir(), "x"))
	require.Error(t, err)
}
