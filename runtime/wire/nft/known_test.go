//go:build linux

package nft

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables/expr"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/runtime/wire/netlab"
)

// servedPort is a port as services have one.
const servedPort = 6379

// served is a connection to a service that answers with what it was sent.
type served struct{ net.Conn }

// serve makes who echo what comes to servedPort.
func serve(t *testing.T, who *netlab.Namespace, v6 bool) {
	t.Helper()
	var listener net.Listener
	who.Do(t, func() (err error) {
		listener, err = net.Listen("tcp", netip.AddrPortFrom(who.Addr(v6), servedPort).String())
		return err
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(struct{ io.Writer }{conn}, conn); _ = conn.Close() }()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
}

// dial connects from a port of one's own, or any.
func dial(t *testing.T, from, to *netlab.Namespace, v6 bool, port int) served {
	t.Helper()
	var conn net.Conn
	from.Do(t, func() (err error) {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from.Addr(v6).AsSlice(), Port: port}, Timeout: 5 * time.Second}
		conn, err = dialer.Dial("tcp", netip.AddrPortFrom(to.Addr(v6), servedPort).String())
		return err
	})
	t.Cleanup(func() { _ = conn.Close() })
	return served{conn}
}

// echo says whether an answer comes within patience.
func (s served) echo(patience time.Duration) bool {
	_ = s.SetDeadline(time.Now().Add(patience))
	message := []byte("ping")
	if _, err := s.Write(message); err != nil {
		return false
	}
	_, err := io.ReadFull(s, message)
	return err == nil
}

func TestATCPLinkThatWasSeenToOpenIsCountedByOneElementEachWayAndStays(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		t.Run(family{v6}.word(), func(t *testing.T) {
			c := newCity(t, "known"+family{v6}.suffix())
			hasty := Build(c.networks, nil, Queue{})
			for _, chain := range hasty.Chains {
				for _, rule := range chain.Rules {
					for _, e := range rule.exprs() {
						if set, ok := e.(*expr.Dynset); ok && set.Timeout > 0 {
							set.Timeout = 50 * time.Millisecond
						}
					}
				}
			}
			require.NoError(t, c.table.Apply(Ruleset{}))
			require.NoError(t, c.table.Apply(hasty))
			there, back := c.pair("a", "b", v6), c.pair("b", "a", v6)
			serve(t, c.who["b"], v6)
			conn := dial(t, c.who["a"], c.who["b"], v6, 0)
			begun := sum(t, c.table, LinksSet(v6), there)
			require.NotZero(t, begun.Packets, "the handshake")
			// Long enough for what expires to be swept: the guessed link of a datagram tells when.
			require.Equal(t, 1, c.send(t, "b", "a", v6, 1))
			require.Eventually(t, func() bool {
				counts, err := c.table.Read(LinksSet(v6))
				return err == nil && len(counts) == 2
			}, 30*time.Second, 10*time.Millisecond)
			const trips = 100
			for range trips {
				require.True(t, conn.echo(5*time.Second))
			}
			counts, err := c.table.Read(LinksSet(v6))
			require.NoError(t, err)
			require.Len(t, counts, 2)
			request := counts[Key{Pair: there, Port: servedPort, Protocol: 6, Class: Request}]
			reply := counts[Key{Pair: back, Port: servedPort, Protocol: 6, Class: Reply}]
			require.GreaterOrEqual(t, request.Packets, begun.Packets+trips)
			require.GreaterOrEqual(t, reply.Packets, uint64(trips))
			require.Less(t, request.Packets, begun.Packets+3*trips, "each is counted once")
		})
	}
}

func TestAFaultMeetsAConnectionThatIsKnown(t *testing.T) {
	c := newCity(t, "met")
	there := c.pair("a", "b", false)
	serve(t, c.who["b"], false)
	conn := dial(t, c.who["a"], c.who["b"], false, 0)
	require.True(t, conn.echo(5*time.Second))
	require.NoError(t, c.table.Apply(Build(c.networks, map[wire.Pair]wire.Effect{there: {Cut: true}}, Queue{})))
	require.False(t, conn.echo(100*time.Millisecond))
	require.NotZero(t, sum(t, c.table, DroppedSet(false), there).Packets)
	dropped, err := c.table.Read(DroppedSet(false))
	require.NoError(t, err)
	require.Contains(t, dropped, Key{Pair: there, Port: servedPort, Protocol: 6, Class: Request}, "at the link that was counted")
}

func TestProbesOfAServiceThatTheHostUsesAreNotCounted(t *testing.T) {
	c := newCity(t, "probed")
	for _, v6 := range []bool{false, true} {
		there, back := c.pair(wire.Host, "a", v6), c.pair("a", wire.Host, v6)
		serve(t, c.who["a"], v6)
		require.True(t, dial(t, c.who[wire.Host], c.who["a"], v6, 0).echo(5*time.Second), "somebody uses the published port")
		asked, answered := sum(t, c.table, LinksSet(v6), there), sum(t, c.table, LinksSet(v6), back)
		require.NotZero(t, asked.Packets)
		require.NotZero(t, answered.Packets)
		probe := dial(t, c.who[wire.Host], c.who["a"], v6, wire.ProbePortFirst+11)
		require.True(t, probe.echo(5*time.Second))
		require.Equal(t, asked, sum(t, c.table, LinksSet(v6), there))
		require.Equal(t, answered, sum(t, c.table, LinksSet(v6), back))
	}
}
