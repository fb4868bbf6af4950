// Command target is a server that costs as little as a server can: it answers HTTP/1.1 requests without a body with the same two bytes,
// so that a benchmark of clients measures clients.
//
//	target 127.0.0.1:8080
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: target ADDRESS")
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "error:", serve(os.Args[1]))
	os.Exit(1)
}

// serve answers until it cannot, and says why.
func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go answer(conn)
	}
}

// answer answers each end of a header it sees; requests in a row before an answer are answered in a row.
func answer(conn net.Conn) {
	defer conn.Close()
	text := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
	end := []byte("\r\n\r\n")
	buffer, held := make([]byte, 16<<10), 0
	for {
		n, err := conn.Read(buffer[held:])
		if err != nil || held+n == len(buffer) {
			return
		}
		held += n
		for {
			i := bytes.Index(buffer[:held], end)
			if i < 0 {
				break
			}
			held = copy(buffer, buffer[i+len(end):held])
			if _, err := conn.Write(text); err != nil {
				return
			}
		}
	}
}
