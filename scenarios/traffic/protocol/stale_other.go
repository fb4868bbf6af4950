//go:build !unix

package protocol

// closedByPeer is not told by this system; a connection closed while idle costs one error.
func (s *stream) closedByPeer() bool { return false }
