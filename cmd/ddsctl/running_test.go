package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

func labOf(name, slug, source string, services ...string) runningLab {
	l := runningLab{name: name, slug: slug, source: source}
	numbers := map[string]int{}
	for _, s := range services {
		numbers[s]++
		l.state.Containers = append(l.state.Containers, engine.Container{ID: name + s + string(rune('0'+numbers[s])), Name: name + "-" + s, Service: s, Number: numbers[s]})
	}
	return l
}

func TestTheOnlyRunningLabNeedsNoName(t *testing.T) {
	_, err := pick(nil, "")
	require.ErrorContains(t, err, "no lab is running")
	require.Equal(t, exitFailed, exitCode(err))

	l, err := pick([]runningLab{labOf("a", "a", "catalogue")}, "")
	require.NoError(t, err)
	require.Equal(t, "a", l.name)

	_, err = pick([]runningLab{labOf("a", "a", "catalogue"), labOf("b", "b", "catalogue")}, "")
	require.EqualError(t, err, "several labs are running: a, b")
	require.Equal(t, exitUsage, exitCode(err))
}

func TestALabIsFoundByNameSlugAndFolder(t *testing.T) {
	folder, err := filepath.Abs("testdata/mine")
	require.NoError(t, err)
	labs := []runningLab{
		labOf("first", "sharded-redis", "catalogue"),
		labOf("mine", "mine", folder),
		labOf("second", "twice", "catalogue"), labOf("third", "twice", "catalogue"), labOf("twice", "other", "catalogue"),
	}
	for word, name := range map[string]string{"first": "first", "sharded-redis": "first", "./testdata/mine": "mine", folder: "mine", "twice": "twice"} {
		l, err := pick(labs, word)
		require.NoError(t, err, word)
		require.Equal(t, name, l.name, word)
	}
	_, err = pick(labs[:4], "twice")
	require.ErrorContains(t, err, "running several times: second, third")
	_, err = pick(labs, "frist")
	require.ErrorIs(t, err, engine.ErrNotFound)
	require.Equal(t, "did you mean first?", hint.Of(err))
}

func TestTheLabBeforeANodeMayBeLeftOut(t *testing.T) {
	web := labOf("web", "web", "catalogue", "web", "redis", "redis")
	other := labOf("other", "other", "catalogue", "redis")
	for _, c := range []struct {
		labs []runningLab
		args []string
		name string
		rest []string
	}{
		{[]runningLab{web}, nil, "web", nil},
		{[]runningLab{web}, []string{"redis-1"}, "web", []string{"redis-1"}},
		{[]runningLab{web}, []string{"web"}, "web", []string{"web"}}, // the node: its lab goes without saying
		{[]runningLab{web}, []string{"web", "redis"}, "web", []string{"redis"}},
		{[]runningLab{web}, []string{"web", "ls"}, "web", []string{"web", "ls"}},
		{[]runningLab{web, other}, []string{"web", "redis-2"}, "web", []string{"redis-2"}},
		{[]runningLab{web, other}, []string{"other"}, "other", []string{}},
	} {
		l, rest, err := pickFirst(c.labs, c.args)
		require.NoError(t, err, c.args)
		require.Equal(t, c.name, l.name, c.args)
		require.Equal(t, c.rest, rest, c.args)
	}
	_, _, err := pickFirst([]runningLab{web, other}, []string{"redis"})
	require.ErrorContains(t, err, `lab "redis" is not running`)
	_, _, err = pickFirst([]runningLab{web}, []string{"rediss-1"})
	require.ErrorContains(t, err, `"rediss-1" is neither a running lab nor a node of web`)
	require.Equal(t, "did you mean redis-1?", hint.Of(err))
}

func TestAFaultIsHealedByItsIDAlone(t *testing.T) {
	web, other := labOf("web", "web", "catalogue", "web"), labOf("other", "other", "catalogue", "web")
	l, rest, err := pickBefore([]runningLab{web}, []string{"kill-1", "loss-2"})
	require.NoError(t, err)
	require.Equal(t, "web", l.name)
	require.Equal(t, []string{"kill-1", "loss-2"}, rest)
	l, rest, err = pickBefore([]runningLab{other, web}, []string{"web", "kill-1"})
	require.NoError(t, err)
	require.Equal(t, "web", l.name)
	require.Equal(t, []string{"kill-1"}, rest)
	_, _, err = pickBefore([]runningLab{other, web}, []string{"kill-1"})
	require.ErrorContains(t, err, "kill-1")
	_, _, err = pickBefore([]runningLab{other, web}, nil)
	require.ErrorContains(t, err, "several labs are running")
}

func TestALinkIsATargetAndNotALab(t *testing.T) {
	web := labOf("web", "web", "catalogue", "web", "redis", "redis")
	for _, args := range [][]string{{"web->redis-1"}, {"redis-1<->redis-2", "web->redis-1"}, {"redis-1,redis-2", "web"}} {
		l, rest, err := pickFault([]runningLab{web}, args, false)
		require.NoError(t, err)
		require.Equal(t, "web", l.name)
		require.Equal(t, args, rest)
	}
	l, rest, err := pickFault([]runningLab{web}, nil, true)
	require.NoError(t, err)
	require.Equal(t, "web", l.name)
	require.Empty(t, rest)
}

func TestAWordMeansANodeAServiceOrAContainer(t *testing.T) {
	l := labOf("lab", "lab", "catalogue", "web", "redis", "redis")
	for word, n := range map[string]int{"web": 1, "redis-1": 1, "redis": 2, "lab-web": 1} {
		found, err := l.named(word)
		require.NoError(t, err, word)
		require.Len(t, found, n, word)
	}
	_, err := l.one("redis")
	require.EqualError(t, err, "redis has several nodes: redis-1, redis-2")
	_, err = l.one("rediz-1")
	require.Equal(t, "did you mean redis-1? There are redis-1, redis-2, web", hint.Of(err))
}
