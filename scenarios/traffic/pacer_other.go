//go:build !linux

package traffic

import "time"

// pacer waits for instants.
type pacer struct{ woken chan struct{} }

func newPacer() (*pacer, error) { return &pacer{woken: make(chan struct{}, 1)}, nil }

// wait waits so long, or until wake is called.
func (p *pacer) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.woken:
	}
}

// wake ends a wait that runs or the next one.
func (p *pacer) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *pacer) close() {}
