package supply_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

func TestOwnImagesAreBuiltOnTheBaseAndEachOnce(t *testing.T) {
	b := newBench(t)
	b.remote["debian:trixie-slim"] = true
	ids, err := b.ensure(t.Context(), refs("ddsctl/redis", "ddsctl/proxy", "ddsctl/redis")...)
	require.NoError(t, err)
	require.Len(t, ids, 2)
	require.Equal(t, []string{"ddsctl/proxy built", "ddsctl/redis built", "debian:trixie-slim pulled"}, b.ready())
	calls := b.made()
	require.Equal(t, "pull docker.io/library/debian:trixie-slim", calls[0])
	require.Len(t, calls, 3, "%v", calls)

	again, err := b.ensure(t.Context(), refs("ddsctl/redis", "ddsctl/proxy")...)
	require.NoError(t, err)
	require.Equal(t, ids, again)
	require.Equal(t, []string{"ddsctl/proxy present", "ddsctl/redis present"}, b.ready())
	require.Len(t, b.made(), 3, "nothing is asked for that is there")
}

func TestAChangedFolderIsBuiltAgainAndTheOldImageGoes(t *testing.T) {
	for _, path := range []string{"proxy/Dockerfile", "proxy/files/p.yml", "proxy/files/new"} {
		t.Run(path, func(t *testing.T) {
			b := newBench(t, "debian:trixie-slim")
			before, err := b.ensure(t.Context(), refs("ddsctl/proxy")...)
			require.NoError(t, err)
			b.change(path, "FROM debian:trixie-slim\n# changed\n")
			after, err := b.ensure(t.Context(), refs("ddsctl/proxy")...)
			require.NoError(t, err)
			require.Equal(t, []string{"ddsctl/proxy built", "debian:trixie-slim present"}, b.ready())
			require.NotEqual(t, before, after)
			require.Contains(t, b.made(), "remove "+before["ddsctl/proxy"])
		})
	}
	t.Run("but not for its README", func(t *testing.T) {
		b := newBench(t, "debian:trixie-slim")
		_, err := b.ensure(t.Context(), refs("ddsctl/redis")...)
		require.NoError(t, err)
		b.change("redis/README.md", "# more words\n")
		_, err = b.ensure(t.Context(), refs("ddsctl/redis")...)
		require.NoError(t, err)
		require.Equal(t, []string{"ddsctl/redis present"}, b.ready())
	})
	t.Run("an image that a container uses stays", func(t *testing.T) {
		b := newBench(t, "debian:trixie-slim")
		before, err := b.ensure(t.Context(), refs("ddsctl/redis")...)
		require.NoError(t, err)
		b.inUse[before["ddsctl/redis"]] = true
		b.change("redis/Dockerfile", "FROM debian:trixie-slim\nUSER redis\n")
		_, err = b.ensure(t.Context(), refs("ddsctl/redis")...)
		require.NoError(t, err)
		require.Len(t, b.loose, 1)

		b.inUse = map[string]bool{}
		removed, err := supply.New(b.shelf, b.options).Prune(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, removed)
		require.Empty(t, b.loose)
	})
}

func TestOwnImagesAreNeverAskedOfARegistry(t *testing.T) {
	b := newBench(t, "debian:trixie-slim")
	b.remote["ddsctl/redis:latest"] = true
	_, err := b.ensure(t.Context(), supply.Request{Ref: "ddsctl/redis", Policy: "always"})
	require.NoError(t, err)
	require.Equal(t, []string{"build ddsctl/redis"}, b.made())

	_, err = b.ensure(t.Context(), refs("ddsctl/redix")...)
	require.ErrorContains(t, err, `no image "redix"; it has [proxy redis node]`)
	require.NotEmpty(t, hint.Of(err))
}

func TestWhereNoRegistryAnswersTheBaseIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.silent = []string{"docker.io/"}
		begin := time.Now()
		_, err := b.ensure(t.Context(), refs("ddsctl/redis", "ddsctl/proxy")...)
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, time.Since(begin), "given up in seconds")
		require.Contains(t, b.ready(), "debian:trixie-slim bootstrapped")
		require.Equal(t, 1, strings.Count(strings.Join(b.made(), "\n"), "pull"), "and asked once")
		var words []string
		for _, p := range b.said {
			if p.Stage == engine.StageBootstrap {
				words = append(words, p.Text)
			}
		}
		require.Equal(t, []string{"cannot be pulled (registry docker.io: no answer within 5s); making it from Debian's packages", "I: installing"}, words)
	})
}

func TestABaseThatIsThereServesWhereItCannotBePulledAnew(t *testing.T) {
	b := newBench(t, "debian:trixie-slim")
	always := supply.Request{Ref: "debian:trixie-slim", Policy: "always"}
	_, err := b.ensure(t.Context(), always)
	require.NoError(t, err)
	require.Equal(t, []string{"debian:trixie-slim present"}, b.ready())
	b.remote["debian:trixie-slim"] = true
	_, err = b.ensure(t.Context(), always)
	require.NoError(t, err)
	require.Equal(t, []string{"debian:trixie-slim pulled"}, b.ready())
	b.remote = map[string]bool{}
	_, err = b.ensure(t.Context(), supply.Request{Ref: "debian:trixie-slim", Force: true})
	require.NoError(t, err)
	require.Equal(t, []string{"debian:trixie-slim bootstrapped"}, b.ready(), "unless that is what was asked for")
}

func TestARegistryThatDoesNotAnswerIsAskedOnceInACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.silent = []string{"registry.example/"}
		b.options.Workers = 1
		begin := time.Now()
		// Each can be built, so that all are tried, one after the other.
		var requests []supply.Request
		for _, name := range []string{"a", "b", "c"} {
			requests = append(requests, supply.Request{Ref: "registry.example/" + name, Build: folderWith(t, "FROM scratch\n")})
		}
		_, err := b.ensure(t.Context(), requests...)
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, time.Since(begin))
		pulls := 0
		for _, call := range b.made() {
			if strings.HasPrefix(call, "pull") {
				pulls++
			}
		}
		require.Equal(t, 1, pulls)
	})
}

func TestAnImageThatCannotBeHadSaysWhatWasTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.silent = []string{"docker.io/"}
		begin := time.Now()
		_, err := b.ensure(t.Context(), refs("redis:7")...)
		require.EqualError(t, err, "image redis:7 is not on this machine and cannot be pulled: registry docker.io: no answer within 15s")
		require.Contains(t, hint.Of(err), "docker load")
		require.Equal(t, 15*time.Second, time.Since(begin), "more patience where there is no other way")
	})
}

func TestPullPolicies(t *testing.T) {
	const ref = "cache:1"
	for _, c := range []struct {
		name            string
		policy          string
		present, remote bool
		build           bool
		want            string // how it came to be there, or a part of the error
	}{
		{name: "missing and present", present: true, remote: true, want: "present"},
		{name: "missing and in the registry", remote: true, want: "pulled"},
		{name: "in no registry, with a build section", build: true, want: "built"},
		{name: "nowhere", want: "cannot be pulled: pull image docker.io/library/cache:1: not found"},
		{name: "always", policy: "always", present: true, remote: true, want: "pulled"},
		{name: "always, and not in the registry", policy: "always", present: true, want: "manifest unknown"},
		{name: "always, with a build section", policy: "always", build: true, want: "built"},
		{name: "never and present", policy: "never", present: true, want: "present"},
		{name: "never and absent", policy: "never", remote: true, want: "its pull_policy is never"},
		{name: "build", policy: "build", present: true, remote: true, build: true, want: "built"},
		{name: "build without a section", policy: "build", remote: true, want: "no `build` section"},
		{name: "if_not_present", policy: "if_not_present", present: true, want: "present"},
		{name: "weekly", policy: "weekly", present: true, want: `pull_policy "weekly" is not supported`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			if c.present {
				b.put(ref, nil)
			}
			b.remote[ref] = c.remote
			r := supply.Request{Ref: ref, Policy: c.policy}
			if c.build {
				r.Build = folderWith(t, "FROM scratch\n")
			}
			_, err := b.ensure(t.Context(), r)
			if err != nil {
				require.ErrorContains(t, err, c.want)
				require.NotEmpty(t, hint.Of(err))
				return
			}
			require.Equal(t, []string{ref + " " + c.want}, b.ready())
		})
	}
}

// folderWith is a build section whose folder has that Dockerfile.
func folderWith(t *testing.T, dockerfile string) *types.BuildConfig {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600))
	return &types.BuildConfig{Context: dir}
}

func TestABuildSectionIsFollowedWhenItChanges(t *testing.T) {
	b := newBench(t, "debian:trixie-slim")
	b.remote["golang:1"] = true
	section := folderWith(t, "ARG V=1\nFROM golang:$V AS build\nFROM debian:trixie-slim\nCOPY --from=build /a /a\nCOPY --from=busybox /b /b\n")
	b.remote["busybox:latest"] = true
	r := supply.Request{Ref: "app", Build: section, Unnamed: true}
	_, err := b.ensure(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []string{"app built", "busybox pulled", "debian:trixie-slim present", "golang:1 pulled"}, b.ready())

	_, err = b.ensure(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []string{"app present"}, b.ready())

	for name, change := range map[string]func(){
		"a file": func() {
			require.NoError(t, os.WriteFile(filepath.Join(section.Context, "main.go"), []byte("package main"), 0o600))
		},
		"an argument": func() { value := "1"; section.Args = types.MappingWithEquals{"V": &value} },
		"the stage":   func() { section.Target = "build" },
	} {
		change()
		_, err = b.ensure(t.Context(), r)
		require.NoError(t, err, name)
		require.Contains(t, b.ready(), "app built", name)
	}

	r.Force = true
	_, err = b.ensure(t.Context(), r)
	require.NoError(t, err)
	require.Contains(t, b.ready(), "app built")
}

func TestAnImageThatSomebodyElseBuiltIsLeftAsItIs(t *testing.T) {
	b := newBench(t, "app")
	_, err := b.ensure(t.Context(), supply.Request{Ref: "app", Build: folderWith(t, "FROM scratch\n")})
	require.NoError(t, err)
	require.Equal(t, []string{"app present"}, b.ready())
}

func TestWhatABuildSectionAsksInVainIsRefused(t *testing.T) {
	b := newBench(t)
	for want, section := range map[string]*types.BuildConfig{
		"`build` has platforms, ssh":            {Context: t.TempDir(), SSH: types.SSHConfig{{ID: "default"}}, Platforms: []string{"linux/arm64"}},
		"build context /nowhere":                {Context: "/nowhere"},
		"read the Dockerfile Dockerfile: open ": {Context: t.TempDir()},
	} {
		_, err := b.ensure(t.Context(), supply.Request{Ref: "app", Build: section, Unnamed: true})
		require.ErrorContains(t, err, want)
		require.NotEmpty(t, hint.Of(err))
	}
}

func TestImagesThatStartFromOneAnotherAreAnErrorAndNotAStandstill(t *testing.T) {
	b := newBench(t)
	_, err := b.ensure(t.Context(),
		supply.Request{Ref: "a", Unnamed: true, Build: folderWith(t, "FROM b\n")},
		supply.Request{Ref: "b", Unnamed: true, Build: folderWith(t, "FROM a\n")},
		supply.Request{Ref: "c", Unnamed: true, Build: folderWith(t, "FROM c\n")})
	require.ErrorContains(t, err, "is built on itself")
}

func TestImagesAreBuiltAtTheSameTimeWithinABound(t *testing.T) {
	b := newBench(t)
	b.options.Workers = 2
	b.making = make(chan struct{})
	var requests []supply.Request
	for _, name := range []string{"a", "b", "c", "d"} {
		requests = append(requests, supply.Request{Ref: name, Unnamed: true, Build: folderWith(t, "FROM scratch\n")})
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := b.ensure(t.Context(), requests...)
		require.NoError(t, err)
	})
	for range requests {
		b.making <- struct{}{}
	}
	wg.Wait()
	require.LessOrEqual(t, b.peak, 2)
}

func TestAFailedBuildLeavesNoLayersAndEndsTheOthers(t *testing.T) {
	b := newBench(t, "debian:trixie-slim")
	b.build = func(ctx context.Context, spec engine.BuildSpec) error {
		if spec.Tag == "ddsctl/redis" {
			return errors.New("apt-get: no network")
		}
		<-ctx.Done()
		return ctx.Err()
	}
	_, err := b.ensure(t.Context(), refs("ddsctl/redis", "ddsctl/proxy")...)
	require.ErrorContains(t, err, "apt-get: no network")
	require.Contains(t, hint.Of(err), "ddsctl image build redis")
	require.Empty(t, b.loose)
}

func TestAFullDiskSaysHowToFreeSome(t *testing.T) {
	b := newBench(t, "debian:trixie-slim")
	b.build = func(context.Context, engine.BuildSpec) error {
		return errors.New("write /var/lib: no space left on device")
	}
	_, err := b.ensure(t.Context(), refs("ddsctl/redis")...)
	require.Contains(t, hint.Of(err), "docker system df")
}

func TestABootstrapThatFailsGivesBothReasons(t *testing.T) {
	b := newBench(t)
	b.options.Bootstrap = func(_ context.Context, layer io.Writer, _ func(string)) error {
		_, _ = layer.Write(make([]byte, 10))
		return hint.Wrap(errors.New("mmdebstrap is not installed"), "install it")
	}
	_, err := b.ensure(t.Context(), refs("ddsctl/redis")...)
	require.ErrorContains(t, err, "mmdebstrap is not installed")
	require.ErrorContains(t, err, "cannot be pulled")
	require.NotContains(t, slices.Collect(keys(b.shelf)), "debian:trixie-slim")
}

func keys(s *shelf) func(func(string) bool) {
	return func(yield func(string) bool) {
		for tag := range s.images {
			if !yield(tag) {
				return
			}
		}
	}
}

func TestRequestsListsEachImageOnce(t *testing.T) {
	section := &types.BuildConfig{Context: "/src"}
	project := &types.Project{Name: "p", Services: types.Services{}}
	for name, what := range map[string]struct {
		image, policy string
		build         *types.BuildConfig
	}{
		"cache":  {image: "ddsctl/redis"},
		"cache2": {image: "ddsctl/redis", policy: "never"},
		"web":    {image: "web:1", build: section},
		"web2":   {image: "web:1"},
		"job":    {build: section},
	} {
		service := types.ServiceConfig{Name: name}
		service.Image, service.PullPolicy, service.Build = what.image, what.policy, what.build
		project.Services[name] = service
	}
	require.Equal(t, []supply.Request{
		{Ref: "ddsctl/redis", Policy: "never"},
		{Ref: "p-job", Build: section, Unnamed: true},
		{Ref: "web:1", Build: section},
	}, supply.Requests(project))
	require.Equal(t, "p-job", project.Services["job"].Image)
}

func TestListTellsWhatIsThereAndWhatHasChanged(t *testing.T) {
	b := newBench(t, "debian:trixie-slim")
	b.options.NodeBinary = "/proc/self/no-such-file"
	_, err := b.ensure(t.Context(), refs("ddsctl/proxy")...)
	require.NoError(t, err)
	states := func() map[string]string {
		list, err := supply.New(b.shelf, b.options).List(t.Context())
		require.NoError(t, err)
		states := map[string]string{}
		for _, own := range list {
			states[own.Name] = own.State
		}
		return states
	}
	require.Equal(t, map[string]string{"debian:trixie-slim": supply.OwnPresent, "node": supply.OwnAbsent, "proxy": supply.OwnPresent, "redis": supply.OwnAbsent}, states())
	b.change("proxy/files/p.yml", "c: d\n")
	require.Equal(t, supply.OwnStale, states()["proxy"])
}
