//go:build !windows

package protocol

import "syscall"

func refused() []syscall.Errno { return []syscall.Errno{syscall.ECONNREFUSED} }
func reset() []syscall.Errno {
	return []syscall.Errno{syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED}
}
func unreachable() []syscall.Errno {
	return []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN}
}
