package api

import (
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/statusd/statusd/internal/limit"
)

// urlMost is how many bytes a request's target has at most: a batch of the
// longest names fits.
const urlMost = 16 << 10

// Limits keep one client from taking what the others need. A client is a
// credential, or, where there is none, a network's address. 0 is any number.
type Limits struct {
	Rate         int // requests a second of a credential, or an address if none is asked for
	AddressRate  int // requests a second without a good credential, of an address
	InFlight     int // requests at work at a time; a client has at most a quarter of them
	WatchersEach int // of a client, that wait for changes at a time
}

// limits is how much of them is taken.
type limits struct {
	credentials, addresses *limit.Rates
	inFlight               *limit.Shares
	watchers               *limit.Shares
}

func newLimits(l Limits, open bool) limits {
	addressRate := l.AddressRate
	if open {
		addressRate = l.Rate // an address is all that there is to tell clients by
	}
	return limits{
		credentials: limit.NewRates(l.Rate),
		addresses:   limit.NewRates(addressRate),
		inFlight:    limit.NewShares(l.InFlight, (l.InFlight+3)/4),
		watchers:    limit.NewShares(0, l.WatchersEach),
	}
}

// locate tells where a request comes from.
func (s *server) locate(x *exchange, r *http.Request) {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr) // fails where there is no network
	from := peer.Addr().Unmap()
	x.secure = r.TLS != nil
	if s.proxied != nil && s.trusted(from) {
		// The library tells by its context.
		s.proxied(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if client := middleware.GetClientIPAddr(r.Context()); client.IsValid() {
				from = client
			}
		})).ServeHTTP(nil, r)
		if proto := r.Header["X-Forwarded-Proto"]; len(proto) == 1 && proto[0] == "https" {
			x.secure = true
		}
	}
	if from.IsValid() {
		x.from, x.network = from.String(), limit.Network(from)
	}
}

// trusted tells whether an address is a proxy's whose headers are believed.
func (s *server) trusted(address netip.Addr) bool {
	for _, network := range s.config.TrustedProxies {
		if network.Contains(address.WithZone("")) {
			return true
		}
	}
	return false
}

// admit lets a request in for which there is room, of a client that has not
// come too often.
func (s *server) admit(next http.Handler) http.Handler {
	return s.answer(func(x *exchange, r *http.Request) error {
		if len(r.RequestURI) > urlMost {
			return &fault{kind: uriTooLong}
		}
		s.identify(x, r)
		rates := s.limits.credentials
		if x.who == "" {
			rates = s.limits.addresses
		}
		if wait, ok := rates.Take(x.client); !ok {
			return tooMany("Come again later, and less often.", wait)
		}
		switch err := s.limits.inFlight.Take(x.client); {
		case errors.Is(err, limit.ErrShare):
			return tooMany("Too many requests of this client are at work at a time.", time.Second)
		case err != nil:
			return &fault{kind: busy}
		}
		x.atWork = true
		defer s.rest(x)
		next.ServeHTTP(x, r)
		return nil
	})
}

// rest ends what counts as work: a request that waits takes nothing from those
// that don't.
func (s *server) rest(x *exchange) {
	if x.atWork {
		x.atWork = false
		s.limits.inFlight.Give(x.client)
	}
}

// tooMany refuses a client that asks for more than it may.
func tooMany(detail string, wait time.Duration) error {
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	return &fault{kind: rateLimited, detail: detail, header: http.Header{"Retry-After": {seconds}}}
}

// watching has a client count as one that waits for changes, until done.
func (s *server) watching(x *exchange, by string) (done func(), err error) {
	client := x.client
	if s.limits.watchers.Take(client) != nil {
		return nil, tooMany("Too many of this client wait for changes at a time.", 10*time.Second)
	}
	count := s.config.Metrics.countWatcher(by)
	return func() {
		count()
		s.limits.watchers.Give(client)
	}, nil
}
