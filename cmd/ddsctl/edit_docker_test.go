package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

func TestAnEditRecreatesTheProxyAlone(t *testing.T) {
	u := newUser(t, "edit")
	folder := filepath.Join(t.TempDir(), "mine")
	u.run("lab", "init", "sharded-redis", folder)
	u.up(folder)
	before := u.ids()

	file := filepath.Join(folder, "twemproxy.yml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	edited := strings.Replace(string(text), "auto_eject_hosts: false", "auto_eject_hosts: true", 1)
	require.NotEqual(t, string(text), edited)
	require.NoError(t, os.WriteFile(file, []byte(edited), 0o600))

	out, _ := u.run("lab", "apply", u.name, "-o", "json")
	var result upResult
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	changed := map[string]string{}
	for _, o := range result.Outcomes {
		if o.Change != "unchanged" {
			changed[o.Service] = string(o.Change)
		}
	}
	require.Equal(t, map[string]string{"twemproxy": "recreated"}, changed)
	after := u.ids()
	for name, id := range before {
		if strings.Contains(name, "twemproxy") {
			require.NotEqual(t, id, after[name], name)
		} else {
			require.Equal(t, id, after[name], name)
		}
	}
	config, _ := u.run("lab", "exec", u.name, "twemproxy", "cat", "/etc/twemproxy/twemproxy.yml")
	require.Contains(t, config, "auto_eject_hosts: true")
	u.run("lab", "down", u.name)
}

func (u *user) ids() map[string]string {
	ids := map[string]string{}
	for _, c := range u.state().Containers {
		ids[c.Name] = c.ID
	}
	return ids
}

func TestACopyTakesTheLabsPlaceAndTouchesNoneOfItsNodes(t *testing.T) {
	u := newUser(t, "copy")
	u.up("sharded-redis")
	before := u.ids()
	folder := filepath.Join(t.TempDir(), "mine")
	u.run("lab", "init", "sharded-redis", folder)
	require.Equal(t, "catalogue", u.source())

	changed := u.up(folder)
	require.Equal(t, folder, u.source(), "the copy is what runs now")
	for _, o := range changed.Outcomes {
		if o.Service != helper.WireService {
			require.Equal(t, plan.Unchanged, o.Change, "%s: %s", o.Name, o.Reason)
		}
	}
	after := u.ids()
	for name, id := range before {
		if !strings.Contains(name, helper.WireService) {
			require.Equal(t, id, after[name], name)
		}
	}
	require.False(t, u.up(folder).Changed, "once")
	u.run("lab", "down", u.name)
}

// source is where the running lab says that it was read from.
func (u *user) source() string {
	u.t.Helper()
	out, _ := u.run("lab", "status", u.name, "-o", "json")
	var list []labStatus
	require.NoError(u.t, json.Unmarshal([]byte(out), &list), out)
	require.Len(u.t, list, 1)
	return list[0].Source
}
