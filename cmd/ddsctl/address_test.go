package main

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/runtime/engine"
)

func published(ip string, host, container uint16) engine.Port {
	p := engine.Port{Host: host, Container: container, Protocol: "tcp"}
	if ip != "" {
		p.HostIP = netip.MustParseAddr(ip)
	}
	return p
}

func TestAddressesAreThoseThatALearnerCanOpen(t *testing.T) {
	containers := []engine.Container{
		{ID: "1", Service: "admin", Number: 1, Ports: []engine.Port{published("0.0.0.0", 9000, 90), published("::", 9000, 90)}},
		{ID: "2", Service: "proxy", Number: 1, Ports: []engine.Port{published("127.0.0.1", 22121, 22121)}},
		{ID: "3", Service: "ddsctl-wire", Labels: map[string]string{engine.LabelHelper: engine.HelperWire}, Ports: []engine.Port{published("", 1, 1)}},
	}
	urls := []format.URL{{Service: "proxy", Port: 22121, Scheme: "redis", Label: "all shards"}}
	require.Equal(t, []address{
		{Node: "proxy", Service: "proxy", Port: 22121, Protocol: "tcp", Address: "127.0.0.1:22121", URL: "redis://127.0.0.1:22121", Label: "all shards"},
		{Node: "admin", Service: "admin", Port: 90, Protocol: "tcp", Address: "127.0.0.1:9000", URL: "127.0.0.1:9000"},
	}, addresses(containers, urls, "unix:///var/run/docker.sock"))
}

func TestPortsOfARemoteEngineAreAtItsHost(t *testing.T) {
	for engineAddress, want := range map[string]string{
		"tcp://lab.example:2376": "lab.example", "ssh://me@lab.example": "lab.example", "unix:///run/x.sock": "127.0.0.1", "": "127.0.0.1",
	} {
		require.Equal(t, want, publishedHost(published("0.0.0.0", 1, 1), engineAddress), engineAddress)
		require.Equal(t, "10.0.0.7", publishedHost(published("10.0.0.7", 1, 1), engineAddress), engineAddress)
	}
}
