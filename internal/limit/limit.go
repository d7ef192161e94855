// Package limit knows how much each client asks for, and holds, so that none
// takes what the others need.
package limit

import (
	"errors"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

const (
	// clientsMost is how many clients are told apart: whoever comes with new
	// addresses without end takes no more memory than that.
	clientsMost = 50000
	// burst is for how many seconds' worth of requests a client may have saved
	// up.
	burst = 2
)

// Rates bounds how often each client asks. A nil Rates bounds nothing.
type Rates struct {
	perSecond int
	clients   *otter.Cache[string, *rate.Limiter]
}

// NewRates lets each client ask so often in a second, on average; 0 is any
// number.
func NewRates(perSecond int) *Rates {
	if perSecond == 0 {
		return nil
	}
	return &Rates{perSecond, otter.Must(&otter.Options[string, *rate.Limiter]{
		MaximumSize: clientsMost,
		// By then it has saved up all that it may, as a new one has.
		ExpiryCalculator: otter.ExpiryAccessing[string, *rate.Limiter](10 * burst * time.Second),
	})}
}

// Take tells whether a client may ask now, or else in how long.
func (r *Rates) Take(client string) (wait time.Duration, ok bool) {
	if r == nil {
		return 0, true
	}
	l, known := r.clients.GetIfPresent(client)
	if !known {
		l, _ = r.clients.SetIfAbsent(client, rate.NewLimiter(rate.Limit(r.perSecond), burst*r.perSecond))
	}
	now := time.Now()
	turn := l.ReserveN(now, 1)
	if wait = turn.DelayFrom(now); wait > 0 {
		turn.CancelAt(now)
		return wait, false
	}
	return 0, true
}

// Why there is no more to hold.
var (
	ErrNone  = errors.New("all is taken")
	ErrShare = errors.New("the client has its share")
)

// Shares bounds how many of a thing are held at a time, by all clients and by
// each.
type Shares struct {
	all, each int

	mu    sync.Mutex
	taken int
	held  map[string]int
}

// NewShares bounds what is held by all, and by each client; 0 is any number.
func NewShares(all, each int) *Shares {
	return &Shares{all: all, each: each, held: make(map[string]int)}
}

// Take takes one for a client. ErrShare, ErrNone.
func (s *Shares) Take(client string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.each > 0 && s.held[client] >= s.each:
		return ErrShare
	case s.all > 0 && s.taken >= s.all:
		return ErrNone
	}
	s.taken++
	s.held[client]++
	return nil
}

// Give gives back one that the client took.
func (s *Shares) Give(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.held[client]--; s.held[client] == 0 {
		delete(s.held, client)
	}
}
