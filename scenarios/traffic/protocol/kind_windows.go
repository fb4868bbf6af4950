package protocol

import (
	"syscall"

	"golang.org/x/sys/windows"
)

func refused() []syscall.Errno { return []syscall.Errno{windows.WSAECONNREFUSED} }
func reset() []syscall.Errno {
	return []syscall.Errno{windows.WSAECONNRESET, windows.WSAECONNABORTED}
}
func unreachable() []syscall.Errno {
	return []syscall.Errno{windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAEHOSTDOWN}
}
