package limit

import (
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAClientMayAskSoOftenAndNoOftener(t *testing.T) {
	t.Parallel()
	r := NewRates(10)
	for n := range burst * 10 {
		_, ok := r.Take("a")
		require.True(t, ok, n)
	}
	wait, ok := r.Take("a")
	require.False(t, ok)
	require.Greater(t, wait, time.Duration(0))
	require.LessOrEqual(t, wait, 100*time.Millisecond)
	_, ok = r.Take("b")
	require.True(t, ok)
	time.Sleep(wait)
	_, ok = r.Take("a")
	require.True(t, ok, "asking too early costs nothing")
	var none *Rates
	_, ok = none.Take("a")
	require.True(t, ok)
	require.Nil(t, NewRates(0))
}

func TestClientsWithoutEndTakeBoundedMemory(t *testing.T) {
	r := NewRates(10)
	heap := func() uint64 {
		r.clients.CleanUp()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	fill := func(from int) {
		for n := range 2 * clientsMost {
			r.Take(strconv.Itoa(from + n))
		}
	}
	fill(0)
	before := heap()
	fill(10 * clientsMost)
	require.Less(t, heap(), before+before/2+4<<20)
	require.LessOrEqual(t, r.clients.EstimatedSize(), clientsMost)
}

func TestSharesAreBoundForAllAndForEach(t *testing.T) {
	t.Parallel()
	s := NewShares(3, 2)
	require.NoError(t, s.Take("a"))
	require.NoError(t, s.Take("a"))
	require.ErrorIs(t, s.Take("a"), ErrShare)
	require.NoError(t, s.Take("b"))
	require.ErrorIs(t, s.Take("b"), ErrNone)
	s.Give("a")
	require.NoError(t, s.Take("b"))
	s.Give("a")
	s.Give("b")
	s.Give("b")
	require.Empty(t, s.held)
	require.Zero(t, s.taken)
}

func TestConnectionsBeyondAShareAreClosed(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		var networks []netip.Prefix
		if shared {
			networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		}
		l := NewListener(inner, 3, 2, networks)
		defer l.Close()
		accepted := make(chan net.Conn, 10)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				accepted <- c
			}
		}()
		dial := func() (open bool) {
			c, err := net.Dial("tcp", inner.Addr().String())
			require.NoError(t, err)
			t.Cleanup(func() { c.Close() })
			require.NoError(t, c.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
			_, err = c.Read(make([]byte, 1))
			timeout, ok := err.(net.Error)
			return ok && timeout.Timeout()
		}
		require.True(t, dial())
		require.True(t, dial())
		require.Equal(t, shared, dial(), "one address has its share, a proxy has what there is")
		require.False(t, dial())
		c := <-accepted
		var once sync.WaitGroup
		for range 3 { // it counts once
			once.Go(func() { c.Close() })
		}
		once.Wait()
		require.True(t, dial())
		require.False(t, dial())
	}
}

func TestANetworkIsWhatOneClientHas(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"198.51.100.7":        "198.51.100.7",
		"::ffff:198.51.100.7": "198.51.100.7",
		"2001:db8:1:2:3::4":   "2001:db8:1:2::/64",
		"fe80::1%eth0":        "fe80::/64",
	} {
		require.Equal(t, want, Network(netip.MustParseAddr(address)))
	}
}
