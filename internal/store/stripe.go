package store

import (
	"context"
	"hash/maphash"
	"sync"
)

// stripes is how many jobs, at most, are written at the same time in one
// replica. Writers to one job queue here, where waiting is cheap: without it
// they spend their requests on each other's version conflicts.
const stripes = 1024

// stripe guards the jobs whose ids hash to it.
type stripe struct {
	writing chan struct{} // holds a token while somebody writes

	mu         sync.Mutex // guards the cache's entries of these jobs, and:
	generation uint64     // grows with each write that ended
}

type striped struct {
	seed maphash.Seed
	all  [stripes]stripe
}

func newStriped() *striped {
	s := &striped{seed: maphash.MakeSeed()}
	for i := range s.all {
		s.all[i].writing = make(chan struct{}, 1)
	}
	return s
}

func (s *striped) of(id string) *stripe {
	return &s.all[maphash.String(s.seed, id)%stripes]
}

// lock waits for its turn to write, at most as long as the context lives.
func (s *stripe) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case s.writing <- struct{}{}:
		return func() { <-s.writing }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
