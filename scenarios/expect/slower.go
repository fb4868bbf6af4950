package expect

import (
	"fmt"
	"time"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// slowerThan counts the requests that took longer than the label than says, and those whose latency is known. Histograms have forty buckets
// for each power of ten: a request that took up to 6 % less may count as slower.
func slowerThan(s telemetry.Snapshot, labels map[string]string) (part, whole float64) {
	than, err := time.ParseDuration(labels["than"])
	if err != nil {
		return 0, 0
	}
	seconds := s.Window.Seconds()
	if seconds <= 0 {
		seconds = 1
	}
	for _, t := range selected(s, labels) {
		for _, b := range t.Histogram {
			n := float64(b.Count) / seconds
			whole += n
			if b.UpTo > than.Seconds() {
				part += n
			}
		}
	}
	return part, whole
}

func checkSlower(labels map[string]string) error {
	if d, err := time.ParseDuration(labels["than"]); err != nil || d <= 0 {
		return fmt.Errorf("the label than is a duration such as 100ms, not %q", labels["than"])
	}
	return nil
}
