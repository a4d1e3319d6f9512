package connect

import (
	"syscall"

	"golang.org/x/sys/windows"
)

var (
	refusedErrnos     = []syscall.Errno{windows.WSAECONNREFUSED}
	unreachableErrnos = []syscall.Errno{windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAEHOSTDOWN, windows.WSAENETDOWN}
	resetErrnos       = []syscall.Errno{windows.WSAECONNRESET, windows.WSAECONNABORTED}
)
