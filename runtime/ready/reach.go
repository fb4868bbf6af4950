package ready

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// reach knows the ways to a container's port, and which of them have turned out not to lead there.
type reach struct {
	waiter    *Waiter
	target    Target
	probe     Probe
	container *engine.Container // once it was inspected
	noDirect  bool
}

// maxBody bounds how much of a body is matched.
const maxBody = 1 << 20

// deadEnd bounds a dial to an address that does not answer: one without a route often says nothing at all.
const deadEnd = 500 * time.Millisecond

var errNoWay = errors.New("the address cannot be reached from here")

// attempt tries the container's own address, then a published port, then a command in the container.
func (r *reach) attempt(ctx context.Context) error {
	if err := r.inspect(ctx); err != nil {
		return err
	}
	if r.waiter.dialer != nil && !r.noDirect {
		if address, ok := r.address(); ok {
			err := r.over(ctx, r.waiter.dialer, address, false)
			if !errors.Is(err, errNoWay) {
				return err
			}
			r.noDirect = true
		}
	}
	if address, ok := r.published(); ok {
		return r.over(ctx, &net.Dialer{}, address, true)
	}
	return r.inside(ctx)
}

// inspect asks for the addresses once: a container that is started again may have others, and then it has exited before.
func (r *reach) inspect(ctx context.Context) error {
	if r.container != nil && !r.target.Restarts {
		return nil
	}
	id := r.target.ID
	if r.target.AddressOf != "" {
		id = r.target.AddressOf
	}
	c, err := r.waiter.engine.InspectContainer(ctx, id)
	if err != nil {
		return err
	}
	r.container = &c
	return nil
}

func (r *reach) address() (netip.AddrPort, bool) {
	if r.target.HostNetwork {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), r.probe.Port), true
	}
	names := make([]string, 0, len(r.container.Addresses))
	for name, address := range r.container.Addresses {
		if address.IsValid() {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return netip.AddrPort{}, false
	}
	slices.Sort(names)
	return netip.AddrPortFrom(r.container.Addresses[names[0]], r.probe.Port), true
}

func (r *reach) published() (netip.AddrPort, bool) {
	for _, p := range r.container.Ports {
		if p.Container == r.probe.Port && (p.Protocol == "tcp" || p.Protocol == "") && p.Host != 0 {
			host := p.HostIP
			if !host.IsValid() || host.IsUnspecified() {
				host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
			}
			return netip.AddrPortFrom(host, p.Host), true
		}
	}
	return netip.AddrPort{}, false
}

// over probes through a connection. proxied says that somebody else, such as docker-proxy, accepts it first.
func (r *reach) over(ctx context.Context, dialer Dialer, address netip.AddrPort, proxied bool) error {
	dialing, stop := context.WithTimeout(ctx, deadEnd)
	defer stop()
	conn, err := dialer.DialContext(dialing, "tcp", address.String())
	if err != nil {
		if noWay(err) && ctx.Err() == nil {
			return fmt.Errorf("%w: %w", errNoWay, err)
		}
		return err
	}
	defer conn.Close()
	// Ending the attempt ends what waits on the connection.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if r.probe.Kind == HTTP {
		return r.http(ctx, conn, address)
	}
	if proxied {
		return stays(conn)
	}
	return nil
}

func noWay(err error) bool {
	var timeout net.Error
	return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) ||
		errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// stays says whether a proxied connection is still open after a moment: docker-proxy accepts first and closes when the
// container does not.
func stays(conn net.Conn) error {
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("the connection was closed at once: %w", err)
}

func (r *reach) http(ctx context.Context, conn net.Conn, address netip.AddrPort) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address.String()+r.probe.path(), nil)
	if err != nil {
		return err
	}
	if r.probe.Host != "" {
		request.Host = r.probe.Host
	}
	request.Header.Set("User-Agent", "ddsctl-probe")
	request.Close = true
	if err := request.Write(conn); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return fmt.Errorf("no answer in HTTP: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil && r.probe.Pattern != "" {
		return err
	}
	return r.judge(response.StatusCode, body)
}

func (r *reach) judge(status int, body []byte) error {
	if !r.probe.wantsStatus(status) {
		return fmt.Errorf("status %d: %s", status, shorten(string(body[:min(len(body), 400)]), 80))
	}
	if r.probe.Pattern == "" {
		return nil
	}
	matched, err := regexp.Match(r.probe.Pattern, body)
	if err != nil {
		return err
	}
	if !matched {
		return fmt.Errorf("status %d, and the body does not match %q", status, r.probe.Pattern)
	}
	return nil
}

// inside looks from within the container, where no way leads in: at the kernel's table of listening sockets, or through
// curl or wget. An image of ddsctl's own has neither cat nor a shell, but the program itself.
func (r *reach) inside(ctx context.Context) error {
	port := strconv.Itoa(int(r.probe.Port))
	if r.probe.Kind == TCP {
		// cat fails where the kernel has no IPv6, after it has written what there is.
		table, err := r.anyOf(ctx, []string{"cat", "/proc/net/tcp", "/proc/net/tcp6"}, []string{"/ddsctl", "node", "listening"})
		if err != nil {
			return err
		}
		if !listens(table, r.probe.Port) {
			return fmt.Errorf("nothing listens at port %s", port)
		}
		return nil
	}
	url := "http://127.0.0.1:" + port + r.probe.path()
	seconds := strconv.Itoa(max(1, int(r.probe.attempt().Seconds())))
	const script = `if command -v curl >/dev/null; then exec curl -sS -i --http1.1 --max-time "$2" "$1"; fi; exec wget -q -S -T "$2" -O - "$1" 2>&1`
	answer, err := r.anyOf(ctx, []string{"/bin/sh", "-c", script, "probe", url, seconds},
		[]string{"/ddsctl", "node", "fetch", "--any-status", "--print", "response", "--timeout", seconds + "s", url})
	if err != nil {
		return err
	}
	status, body, ok := parseAnswer(answer)
	if !ok {
		return fmt.Errorf("no answer in HTTP: %s", shorten(answer, 120))
	}
	return r.judge(status, []byte(body))
}

// anyOf is what the first of the commands that the container has writes. Its exit code does not count.
func (r *reach) anyOf(ctx context.Context, commands ...[]string) (string, error) {
	var failed error
	for _, command := range commands {
		var out limited
		code, err := r.waiter.engine.Exec(ctx, r.target.ID, engine.ExecSpec{Command: command, Stdout: &out, Stderr: &out})
		if err == nil && code != notExecutable && code != notFound {
			return out.String(), nil
		}
		// Some engines say it with an error, that a program is not there.
		failed = err
		if ctx.Err() != nil {
			break
		}
	}
	if failed != nil {
		return "", fmt.Errorf("port %d is neither reachable nor published, and no look inside: %w", r.probe.Port, failed)
	}
	return "", fmt.Errorf("port %d is neither reachable from here nor published, and the image has no shell to look from inside: "+
		"publish the port, or give the service a healthcheck", r.probe.Port)
}

// What a shell, and a container engine, makes of a command that is not there or cannot be run.
const (
	notExecutable = 126
	notFound      = 127
)

// listens reads the table of proc(5), net/tcp: local address as HEX:PORT in the second column, 0A (LISTEN) in the fourth.
func listens(table string, port uint16) bool {
	suffix := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(table) {
		columns := strings.Fields(line)
		if len(columns) > 3 && columns[3] == "0A" && strings.HasSuffix(columns[1], suffix) {
			return true
		}
	}
	return false
}

// parseAnswer reads the last status line, and what stands behind the headers, out of what curl or wget wrote.
func parseAnswer(text string) (status int, body string, ok bool) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		words := strings.Fields(line)
		if len(words) < 2 || !strings.HasPrefix(words[0], "HTTP/") {
			continue
		}
		code, err := strconv.Atoi(words[1])
		if err != nil || code < 100 || code > 599 {
			continue
		}
		status, ok = code, true
		body = behindHeaders(lines[i+1:])
	}
	return status, body, ok
}

func behindHeaders(lines []string) string {
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" {
			return strings.Join(lines[i+1:], "\n")
		}
		// wget has no empty line: its headers are indented.
		if !strings.HasPrefix(line, " ") && !strings.Contains(trimmed, ": ") {
			return strings.Join(lines[i:], "\n")
		}
	}
	return ""
}
