//go:build !unix

package protocol

// waiting is not told by this system: what may be repeated is sent a second time, and anything else costs one error.
func (s *stream) waiting() (ended, unasked bool) { return false, false }
