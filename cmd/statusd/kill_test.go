package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// acknowledged is what the answers to one client last said of its jobs.
type acknowledged map[string]record

// ranks are how far a job is: it never goes back within an attempt.
var ranks = map[string]int{"started": 1, "in-progress": 2, "success": 3, "fail": 3}

// report takes a client's jobs through attempt after attempt, a random report
// at a time, until the service is gone.
func (acks acknowledged) report(s *service, client int, answered *atomic.Int64) error {
	for n := 0; ; n++ {
		id := fmt.Sprintf("job-%d-%d", client, rand.N(20))
		last := acks[id]
		status, attempt := "in-progress", max(last.Attempt, 1)
		switch rand.N(10) {
		case 0:
			status, attempt = "started", last.Attempt+1
		case 1:
			status = "success"
		}
		body := fmt.Sprintf(`{"status": %q, "attempt": %d, "progress": {"current": %d}}`, status, attempt, last.Progress.Current+1)
		got, err := s.ask("POST", "/status/"+id, body)
		if err != nil {
			return nil // it was killed
		}
		var r record
		switch got.status {
		case http.StatusOK, http.StatusCreated:
			if err := json.Unmarshal(got.body, &r); err != nil {
				return err
			}
			acks[id] = r
			answered.Add(1)
		default:
			return fmt.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

// check compares what is stored with what was acknowledged. One more report
// may have been written, and its answer lost.
func (acks acknowledged) check(t *testing.T, s *service) {
	t.Helper()
	for id, want := range acks {
		got := s.do(http.StatusOK, "GET", "/status/"+id, "").record(t)
		require.GreaterOrEqual(t, got.Version, want.Version, id)
		require.LessOrEqual(t, got.Version, want.Version+1, id)
		require.GreaterOrEqual(t, got.Attempt, want.Attempt, id)
		if got.Attempt == want.Attempt {
			require.GreaterOrEqual(t, ranks[got.Status], ranks[want.Status], id)
			require.GreaterOrEqual(t, got.Progress.Current, want.Progress.Current, id)
		}
		if got.Version == want.Version {
			require.Equal(t, want, got, id)
		}
		require.Equal(t, got.Status, got.History[len(got.History)-1].Status, id)
		acks[id] = got
	}
}

func TestKillingItUnderLoadLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	const clients, rounds = 8, 3
	environ := environment(t)
	acks := make([]acknowledged, clients)
	for client := range acks {
		acks[client] = make(acknowledged)
	}
	for range rounds {
		s := launch(t, environ)
		for _, a := range acks {
			a.check(t, s)
		}
		failures := make(chan error, clients)
		var answered atomic.Int64
		var load sync.WaitGroup
		for client, a := range acks {
			load.Go(func() { failures <- a.report(s, client, &answered) })
		}
		enough := 100 + rand.Int64N(1000)
		require.Eventually(t, func() bool { return answered.Load() >= enough }, 30*time.Second, time.Millisecond, "%s", s.log)
		require.NoError(t, s.process.Kill())
		s.exit()
		load.Wait()
		for range clients {
			require.NoError(t, <-failures)
		}
	}
	s := launch(t, environ)
	for _, a := range acks {
		require.NotEmpty(t, a)
		a.check(t, s)
	}
}
