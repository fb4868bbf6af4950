package expect

import (
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// ofRequests counts, in requests per second, those that a figure is about, and all that it is a share of.
type ofRequests func(s telemetry.Snapshot, labels map[string]string) (part, whole float64)

// read is the share of one Snapshot; false where nothing was over.
func (of ofRequests) read(s telemetry.Snapshot, labels map[string]string) (float64, bool) {
	part, whole := of(s, labels)
	if whole <= 0 {
		return 0, false
	}
	return part / whole, true
}

// overWindow is the share over all requests of the samples, not the mean of the seconds' shares.
func (of ofRequests) overWindow(samples []telemetry.Snapshot, labels map[string]string) (float64, time.Time, bool) {
	var part, whole float64
	for _, s := range samples {
		weight := s.Window.Seconds()
		if weight <= 0 {
			weight = 1
		}
		p, w := of(s, labels)
		part, whole = part+p*weight, whole+w*weight
	}
	if whole <= 0 {
		return 0, time.Time{}, false
	}
	return part / whole, time.Time{}, true
}

// failedRequests are those that failed, of those that are over; with the label by, of those that this server answered.
func failedRequests(s telemetry.Snapshot, labels map[string]string) (part, whole float64) {
	by, split := labels["by"]
	for _, t := range selected(s, labels) {
		if !split {
			part, whole = part+t.Achieved-t.Succeeded, whole+t.Achieved
			continue
		}
		for _, target := range t.Targets {
			if target.Target == by {
				part, whole = part+target.Rate*target.ErrorRate, whole+target.Rate
			}
		}
	}
	return part, whole
}

// answeredBy are the requests that the server of the label by answered, of those of which it is known who answered.
func answeredBy(s telemetry.Snapshot, labels map[string]string) (part, whole float64) {
	for _, t := range selected(s, labels) {
		for _, target := range t.Targets {
			whole += target.Rate
			if target.Target == labels["by"] {
				part += target.Rate
			}
		}
	}
	return part, whole
}
