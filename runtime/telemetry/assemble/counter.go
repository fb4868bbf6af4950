package assemble

import "time"

// counter turns readings of something that only grows into a total and a rate. The reading may begin anew at any time.
type counter struct {
	base    float64 // what it had counted before it last began anew
	last    float64
	samples []reading // since it last began anew, no older than needed
}

type reading struct {
	at    time.Time
	value float64
}

// add takes a reading. One that is not younger than the last is the same one again.
func (c *counter) add(at time.Time, value float64, window time.Duration) {
	if n := len(c.samples); n > 0 {
		if !at.After(c.samples[n-1].at) {
			return
		}
		if value < c.last {
			c.restart()
		}
	}
	c.last = value
	c.samples = append(c.samples, reading{at, value})
	// One sample may be older than the window: it is what the window begins with.
	for len(c.samples) > 2 && at.Sub(c.samples[1].at) >= window {
		c.samples = c.samples[1:]
	}
}

// restart says that what is counted begins anew at zero.
func (c *counter) restart() {
	c.base += c.last
	c.last, c.samples = 0, c.samples[:0]
}

func (c *counter) total() float64 { return c.base + c.last }

// span is the growth over the window and how long that took; false where there are no two readings.
func (c *counter) span() (grown float64, took time.Duration, ok bool) {
	if len(c.samples) < 2 {
		return 0, 0, false
	}
	first, last := c.samples[0], c.samples[len(c.samples)-1]
	return last.value - first.value, last.at.Sub(first.at), true
}

// rate is the growth per second over the window; false where it is not known.
func (c *counter) rate() (float64, bool) {
	grown, took, ok := c.span()
	if !ok {
		return 0, false
	}
	return grown / took.Seconds(), true
}
