package watch

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
)

// State is what is known of a record from one change to the next. It is shared
// by all who watch, and never changed.
type State struct {
	Snapshot *store.Snapshot // nil: there is no such record
	Liveness model.Liveness
}

// topic is a record that somebody watches.
type topic struct {
	watch *Watch
	id    string
	state atomic.Pointer[State] // nil until something is known

	mu            sync.Mutex
	order         uint64 // of what the state rests on
	seen          time.Time
	changed       time.Time
	doubted       time.Time   // until then: what was written is not known
	timer         *time.Timer // the state changes then, without a write
	subscriptions []*Subscription
	announcing    bool
	again         bool // a change has come while another was announced
}

// learn takes up what a read found, or what this replica wrote; nil is no
// record. Only what is later than what the state rests on counts.
func (t *topic) learn(order uint64, found *store.Snapshot, written bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if order < t.order {
		return
	}
	t.seen = t.watch.clock()
	if state := t.state.Load(); written && found != nil && state.version() > found.Version {
		return // told late: another replica's write came after it, and was read
	}
	t.order = order
	t.become(found)
}

// guess takes up what the store's cache holds, which was so at that instant, if
// that is later than what is known.
func (t *topic) guess(seen *store.Snapshot, asOf time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state.Load() == nil || asOf.After(t.seen) {
		t.become(seen)
	}
}

// become makes the record the topic's, and has it announced if that is a
// change. It needs mu.
func (t *topic) become(found *store.Snapshot) {
	s := t.watch.store
	next := &State{}
	if found != nil && !s.Expired(found) {
		next.Snapshot, next.Liveness = found, s.Liveness(found)
	}
	t.expect(next)
	state := t.state.Load()
	if state != nil && state.same(next) {
		return
	}
	t.state.Store(next)
	t.changed = t.watch.clock()
	t.announce()
}

// expect sets the timer to the instant at which silence, or age, changes the
// state: one for all who watch. It needs mu.
func (t *topic) expect(next *State) {
	if t.timer != nil {
		t.timer.Stop()
	}
	if next.Snapshot == nil || len(t.subscriptions) == 0 {
		return
	}
	at, ok := t.watch.store.Change(next.Snapshot)
	if !ok {
		return
	}
	// Never at once: where the store's clock lags, this would turn in circles.
	wait := max(at.Sub(t.watch.clock()), 10*time.Millisecond)
	if t.timer == nil {
		t.timer = time.AfterFunc(wait, t.age)
		return
	}
	t.timer.Reset(wait)
}

// age looks at the record that is known once more.
func (t *topic) age() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if state := t.state.Load(); state != nil && len(t.subscriptions) > 0 {
		t.become(state.Snapshot)
	}
}

// announce wakes all who watch, in a goroutine of its own: a writer does not
// wait for them, and changes that come meanwhile are announced together. It
// needs mu.
func (t *topic) announce() {
	if t.announcing {
		t.again = true
		return
	}
	if len(t.subscriptions) == 0 {
		return
	}
	t.announcing = true
	go func() {
		for {
			t.mu.Lock()
			t.again = false
			wakes := make([]func(), 0, len(t.subscriptions))
			for _, s := range t.subscriptions {
				if s.wake != nil {
					wakes = append(wakes, s.wake)
				}
			}
			t.mu.Unlock()
			for _, wake := range wakes {
				wake()
			}
			t.mu.Lock()
			if !t.again {
				t.announcing = false
				t.mu.Unlock()
				return
			}
			t.mu.Unlock()
		}
	}()
}

// same tells whether two states look alike to everybody.
func (s *State) same(o *State) bool {
	if s.Snapshot == nil || o.Snapshot == nil {
		return s.Snapshot == o.Snapshot
	}
	return s.Liveness == o.Liveness && s.Snapshot.Version == o.Snapshot.Version && s.Snapshot.WriteID == o.Snapshot.WriteID
}

// version is 0 where there is no record.
func (s *State) version() int64 {
	if s == nil || s.Snapshot == nil {
		return 0
	}
	return s.Snapshot.Version
}
