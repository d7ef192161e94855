package watch

import (
	"context"
	"errors"
	"time"

	"github.com/statusd/statusd/internal/store"
)

// Subscription is somebody who waits for changes of a record. From when it is
// there no change is lost, though several may be seen as one. But for [Watch]'s
// own calls it is used by one goroutine.
type Subscription struct {
	topic *topic
	index int // among the topic's
	wake  func()
	last  *State
}

// Subscribe registers somebody who waits for changes of a record, there or
// not. ErrFull, ErrStopping.
func (w *Watch) Subscribe(id string) (*Subscription, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stopping.Load():
		return nil, ErrStopping
	case w.watchers >= w.config.Most:
		return nil, ErrFull
	}
	w.watchers++
	t := w.topics[id]
	if t == nil {
		t = &topic{watch: w, id: id, changed: w.clock()}
		w.topics[id] = t
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &Subscription{topic: t, index: len(t.subscriptions)}
	t.subscriptions = append(t.subscriptions, s)
	if !w.store.Exclusive() {
		w.startPolling()
	}
	return s, nil
}

// Close ends the subscription. The last one of a record leaves nothing behind.
func (s *Subscription) Close() {
	t := s.topic
	w := t.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.subscriptions) - 1
	t.subscriptions[s.index] = t.subscriptions[last]
	t.subscriptions[s.index].index = s.index
	t.subscriptions[last] = nil
	t.subscriptions = t.subscriptions[:last]
	if last == 0 {
		delete(w.topics, t.id)
		if t.timer != nil {
			t.timer.Stop()
		}
	}
	w.watchers--
	if w.watchers == 0 && w.stopping.Load() {
		close(w.idle)
	}
}

// First returns the record as it is now, or was less than the freshness ago;
// see [Watch.Get]. That there is none is a State too.
func (s *Subscription) First(ctx context.Context, fresh bool) (*State, error) {
	t := s.topic
	found, asOf, err := t.watch.get(ctx, t.id, fresh)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	t.guess(found, asOf)
	s.last = t.state.Load()
	return s.last, nil
}

// Next returns the newest state that this subscription has not seen, or nil.
func (s *Subscription) Next() *State {
	state := s.topic.state.Load()
	if state == s.last {
		return nil
	}
	s.last = state
	return state
}

// Stopping tells whether there will be no more changes, since the service ends.
func (s *Subscription) Stopping() bool { return s.topic.watch.stopping.Load() }

// Notify has wake called when it is time to look at Next and Stopping, from
// another goroutine and perhaps once too often; it must not block. What has
// come before is for the caller to look at.
func (s *Subscription) Notify(wake func()) {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	s.wake = wake
}

// Await returns the first state that will do, or the newest one when the wait
// is over or the service stops. Errors are those of [Watch.Subscribe],
// [Subscription.First], and the context's.
func (w *Watch) Await(ctx context.Context, id string, fresh bool, wait time.Duration, will func(*State) bool) (*State, error) {
	s, err := w.Subscribe(id)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	over := time.NewTimer(wait)
	defer over.Stop()
	woken := make(chan struct{}, 1)
	s.Notify(func() {
		select {
		case woken <- struct{}{}:
		default: // it is about to look already
		}
	})
	state, err := s.First(ctx, fresh)
	for err == nil && !will(state) && !s.Stopping() {
		select {
		case <-woken:
			if next := s.Next(); next != nil {
				state = next
			}
			continue
		case <-over.C:
		case <-ctx.Done():
			err = ctx.Err()
		}
		break
	}
	return state, err
}
