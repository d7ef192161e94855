package limit

import (
	"net"
	"net/netip"
	"sync"
)

// Listener closes connections beyond a number, of all and of each address, as
// soon as they come: what waits to be accepted would keep others waiting too.
type Listener struct {
	net.Listener
	shares *Shares
	shared []netip.Prefix
}

// NewListener bounds the connections that l accepts. Addresses of those
// networks speak for many, and are bound by the number of all alone.
func NewListener(l net.Listener, all, each int, shared []netip.Prefix) *Listener {
	return &Listener{l, NewShares(all, each), shared}
}

// Accept waits for a connection within the bounds.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := l.client(c)
		if l.shares.Take(client) == nil {
			return &conn{Conn: c, close: sync.OnceFunc(func() { l.shares.Give(client) })}, nil
		}
		_ = c.Close() // nothing was said on it
	}
}

// client is whose share a connection is of.
func (l *Listener) client(c net.Conn) string {
	address, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return c.RemoteAddr().String()
	}
	ip := address.Addr().Unmap()
	for _, network := range l.shared {
		if network.Contains(ip.WithZone("")) {
			return c.RemoteAddr().String() // of its own: the port tells them apart
		}
	}
	return Network(ip)
}

// Network is what one client is taken to have addresses in: all of IPv4's, and
// the half of IPv6's that names a network.
func Network(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, _ := ip.Prefix(64) // fails for no address but the invalid one
	return network.String()
}

type conn struct {
	net.Conn
	close func()
}

func (c *conn) Close() error {
	err := c.Conn.Close()
	c.close()
	return err
}
