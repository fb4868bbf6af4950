//go:build linux

package nft

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Found is what Probe found out about the kernel.
type Found struct {
	WhyBridge string // why there can be no rules in the bridge; "" where there can

	Means    Means
	WhyMeans string // why none, or why not a better one
	Twice    bool   // packets can be duplicated
	WhyTwice string
}

// Probe asks the kernel what it takes, by trying rules that no packet meets in tables of their own, which are gone when it returns.
//
// No chain is put at a hook where it can be told without: when one leaves a hook, the kernel drops what its queues hold, also for another
// lab. Only whether the bridge takes iptables' target cannot, and is asked last for that.
func Probe() Found {
	var found Found
	if err := attempt(Bridge, chance(1), nil); err != nil {
		found.WhyBridge = err.Error()
		found.WhyMeans, found.WhyTwice = found.WhyBridge, found.WhyBridge
		return found
	}
	bridged4, bridged6 := bridgedCalls("iptables"), bridgedCalls("ip6tables")
	var refused []string
	for _, try := range []struct {
		means  Means
		layer  Layer
		hook   *Hook
		unless string
	}{
		{Native, Bridge, nil, ""},
		{Routed, IP4, nil, bridged4},
		{Compat, Bridge, &Hook{Point: "prerouting", Priority: priority}, ""},
	} {
		err := errors.New(try.unless)
		if try.unless == "" {
			err = attempt(try.layer, Queue{Means: try.means}.hand(), try.hook)
		}
		if err == nil {
			found.Means = try.means
			break
		}
		refused = append(refused, fmt.Sprintf("%s: %s", try.means, reason(err)))
	}
	found.WhyMeans = strings.Join(refused, "; ")
	found.WhyTwice = bridged4
	if bridged4 == "" {
		if err := attempt(IP4, twice(family{}.saddr()), nil); err != nil {
			found.WhyTwice = "nft dup: " + reason(err)
		}
	}
	found.Twice = found.WhyTwice == ""
	if found.Means == Routed && bridged6 != "" {
		found.WhyMeans += "; IPv6 does not wait: " + bridged6
	}
	return found
}

// reason is the kernel's own word where it gave one.
func reason(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return "refused (" + unix.ErrnoName(errno) + ")"
	}
	return err.Error()
}

// attempt puts a rule with the statement into a table that only lives until it returns.
func attempt(layer Layer, what Statement, hook *Hook) error {
	table, err := open(fmt.Sprintf("ddsctl-probe-%d-%x", os.Getpid(), rand.Uint64()), layer)
	if err != nil {
		return err
	}
	defer table.Close()
	return table.Apply(Ruleset{Chains: []Chain{{
		Name: "probe", Layer: layer, Hook: hook, Rules: []Rule{{isMark(copyMark), what}},
	}}})
}

// bridgedCalls says why the rules of iptables or ip6tables do not see what is bridged, "" where they do.
func bridgedCalls(which string) string {
	path := "/proc/sys/net/bridge/bridge-nf-call-" + which
	text, err := os.ReadFile(path)
	switch {
	case err != nil:
		return "the kernel module br_netfilter is not loaded"
	case strings.TrimSpace(string(text)) != "1":
		return "the sysctl net.bridge.bridge-nf-call-" + which + " is off"
	default:
		return ""
	}
}
