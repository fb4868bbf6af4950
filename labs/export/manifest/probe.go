package manifest

import (
	"math"
	"time"

	"github.com/ddsctl/ddsctl/labs/export/manifest/kube"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

// probes says when a container is ready: by its healthcheck, else by the first condition of the lab. What is left of the conditions holds once, while
// it starts.
func (w *writer) probes(c *kube.Container, service string) {
	var said []*kube.Probe
	check := w.lab.Project.Services[service].HealthCheck
	for _, probe := range w.services[service].Probes {
		p, ok := w.probe(service, probe)
		if !ok {
			continue
		}
		own, fromCheck := ready.FromHealthcheck(check)
		if fromCheck && probe.Kind == ready.Command && own.String() == probe.String() {
			if check.Interval != nil {
				p.PeriodSeconds = seconds(time.Duration(*check.Interval))
			}
			if check.Timeout != nil {
				p.TimeoutSeconds = seconds(time.Duration(*check.Timeout))
			}
			if check.Retries != nil {
				p.FailureThreshold = int32(min(*check.Retries, math.MaxInt32))
			}
			said = append([]*kube.Probe{p}, said...)
			continue
		}
		said = append(said, p)
	}
	if len(said) > 0 {
		c.ReadinessProbe = said[0]
	}
	if len(said) > 1 {
		c.StartupProbe = said[1]
		c.StartupProbe.PeriodSeconds = 1
		c.StartupProbe.FailureThreshold = int32(ready.DefaultBound.Seconds())
	}
	if len(said) > 2 {
		w.note("%s: of %d conditions of readiness, a container in Kubernetes holds two", service, len(said))
	}
}

// seconds are whole ones, at least one.
func seconds(d time.Duration) int32 {
	return int32(min(max(1, math.Ceil(d.Seconds())), math.MaxInt32))
}

func (w *writer) probe(service string, probe ready.Probe) (*kube.Probe, bool) {
	p := &kube.Probe{PeriodSeconds: 2, TimeoutSeconds: seconds(ready.DefaultAttempt)}
	if probe.Attempt > 0 {
		p.TimeoutSeconds = seconds(probe.Attempt)
	}
	switch probe.Kind {
	case ready.TCP:
		p.TCPSocket = &kube.TCPSocketAction{Port: int32(probe.Port)}
	case ready.HTTP:
		path := probe.Path
		if path == "" {
			path = "/"
		}
		p.HTTPGet = &kube.HTTPGetAction{Path: path, Port: int32(probe.Port)}
		if probe.Host != "" {
			p.HTTPGet.HTTPHeaders = []kube.HTTPHeader{{Name: "Host", Value: probe.Host}}
		}
		if probe.Status != [2]int{} || probe.Pattern != "" {
			w.note("%s: %s: an answer from 200 to 399 is enough", service, probe)
		}
	case ready.Command:
		p.Exec = &kube.ExecAction{Command: allUnexpanded(probe.Command)}
		if probe.User != "" {
			w.note("%s: %s: as the container's own user", service, probe)
		}
	default:
		w.note("%s: %s: a line of the log is no condition", service, probe)
		return nil, false
	}
	return p, true
}
