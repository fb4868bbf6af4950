// Package ready finds out, as early as it can, that a container does what it is there for.
//
// A container is probed directly and often (every 25 ms at first, every 250 ms later), not at the engine's health
// interval, and a container that exits ends the waiting at once, with its exit code and its last words:
//
//	waiter := ready.New(engine, ready.Options{Dialer: &net.Dialer{}})
//	err := waiter.Wait(ctx, ready.Target{ID: id, Name: "lab-redis-1", Service: "redis"},
//		[]ready.Probe{{Kind: ready.TCP, Port: 6379}})
package ready

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// Kind is how a probe looks at a container.
type Kind string

// The kinds of probes.
const (
	// TCP: something accepts connections at Port.
	TCP Kind = "tcp"
	// HTTP: a GET of Path at Port is answered with a wanted status, and a body that matches.
	HTTP Kind = "http"
	// Command: Command, run in the container, exits with 0.
	Command Kind = "command"
	// Log: a line of the container's log, from its start, matches Pattern.
	Log Kind = "log"
)

// Bounds that hold where a probe does not say otherwise.
const (
	// DefaultBound is how long a probe is repeated before it is given up.
	DefaultBound = time.Minute
	// DefaultAttempt bounds one attempt.
	DefaultAttempt = 2 * time.Second
)

// Probe is one condition of readiness. The zero values of the optional fields mean what their comments say.
type Probe struct {
	Kind    Kind
	Port    uint16   // TCP, HTTP: the container's port
	Path    string   // HTTP: "" is "/"
	Host    string   // HTTP: the Host header; "" is the address
	Status  [2]int   // HTTP: the lowest and highest wanted status; zero means 200 to 399
	Pattern string   // HTTP: regular expression on the body, "" is any; Log: on a line
	Command []string // Command: the words, not a shell line
	User    string   // Command: "" is the container's user

	Attempt time.Duration // bounds one attempt; 0 is DefaultAttempt
	Bound   time.Duration // bounds all attempts together; 0 is DefaultBound
}

// Validate says what is wrong with a probe that can never succeed.
func (p Probe) Validate() error {
	switch p.Kind {
	case TCP, HTTP:
		if p.Port == 0 {
			return fmt.Errorf("%s probe without a port", p.Kind)
		}
	case Command:
		if len(p.Command) == 0 {
			return errors.New("command probe without a command")
		}
	case Log:
		if p.Pattern == "" {
			return errors.New("log probe without a pattern")
		}
	default:
		return fmt.Errorf("unknown kind of probe %q (tcp, http, command, log)", p.Kind)
	}
	if _, err := regexp.Compile(p.Pattern); err != nil {
		return fmt.Errorf("pattern of the %s probe: %w", p.Kind, err)
	}
	if p.Status[0] > p.Status[1] {
		return fmt.Errorf("http probe wants a status from %d to %d, which is none", p.Status[0], p.Status[1])
	}
	return nil
}

// String says what is being waited for, in words that fit behind "waiting for".
func (p Probe) String() string {
	switch p.Kind {
	case TCP:
		return fmt.Sprintf("tcp port %d", p.Port)
	case HTTP:
		return fmt.Sprintf("http port %d %s", p.Port, p.path())
	case Command:
		return fmt.Sprintf("command %q", shorten(strings.Join(p.Command, " "), 60))
	case Log:
		return fmt.Sprintf("log line %q", shorten(p.Pattern, 60))
	}
	return string(p.Kind)
}

func (p Probe) path() string {
	if !strings.HasPrefix(p.Path, "/") {
		return "/" + p.Path
	}
	return p.Path
}

func (p Probe) wantsStatus(code int) bool {
	if p.Status == [2]int{} {
		return code >= 200 && code <= 399
	}
	return code >= p.Status[0] && code <= p.Status[1]
}

func (p Probe) attempt() time.Duration {
	if p.Attempt > 0 {
		return p.Attempt
	}
	return DefaultAttempt
}

func (p Probe) bound() time.Duration {
	if p.Bound > 0 {
		return p.Bound
	}
	return DefaultBound
}

// Docker's values for what a healthcheck leaves out.
const (
	healthInterval = 30 * time.Second
	healthTimeout  = 30 * time.Second
	healthRetries  = 3
)

// FromHealthcheck turns a Compose healthcheck into a probe that runs the same command, more often: the interval only
// counts towards the bound, which is the time after which Docker would have called the container unhealthy (start
// period, then retries at the interval, then the last attempt's timeout). It returns false where there is no test.
func FromHealthcheck(check *types.HealthCheckConfig) (Probe, bool) {
	if check == nil || check.Disable || len(check.Test) < 2 {
		return Probe{}, false
	}
	probe := Probe{Kind: Command}
	switch check.Test[0] {
	case "CMD":
		probe.Command = append([]string(nil), check.Test[1:]...)
	case "CMD-SHELL":
		probe.Command = []string{"/bin/sh", "-c", check.Test[1]}
	default: // NONE
		return Probe{}, false
	}
	probe.Attempt = orElse(check.Timeout, healthTimeout)
	retries := uint64(healthRetries)
	if check.Retries != nil && *check.Retries > 0 {
		retries = min(*check.Retries, 10_000) // no more than that can be waited for
	}
	probe.Bound = orElse(check.StartPeriod, 0) + time.Duration(retries)*orElse(check.Interval, healthInterval) + probe.Attempt
	return probe, true
}

func orElse(d *types.Duration, otherwise time.Duration) time.Duration {
	if d == nil || *d <= 0 {
		return otherwise
	}
	return time.Duration(*d)
}

func shorten(s string, limit int) string {
	s = strings.Join(strings.Fields(s), " ")
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	return string(runes[:limit-1]) + "…"
}
