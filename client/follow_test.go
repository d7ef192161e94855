package client_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/client"
)

// followed is what Follow told, as it tells.
func followed(ctx context.Context, c *client.Client, id string) <-chan string {
	told := make(chan string, 100)
	go func() {
		defer close(told)
		for record, err := range c.Follow(ctx, id) {
			switch {
			case err != nil:
				told <- err.Error()
			case record == nil:
				told <- "gone"
			default:
				told <- string(record.Status) + " " + record.Message
			}
		}
	}()
	return told
}

func next(t *testing.T, told <-chan string) string {
	t.Helper()
	select {
	case one := <-told:
		return one
	case <-time.After(20 * time.Second):
		require.FailNow(t, "nothing is told")
		return ""
	}
}

func report(t *testing.T, c *client.Client, status client.Status, message string) {
	t.Helper()
	_, err := c.Report(t.Context(), "a", client.Update{Status: status, Message: message})
	require.NoError(t, err)
}

// TestEachChangeIsToldWhateverIsInTheWay goes through a job's life where
// streams pass, are held back, are no streams, and where nobody may wait.
func TestEachChangeIsToldWhateverIsInTheWay(t *testing.T) {
	t.Parallel()
	isStream := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/events") }
	full := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"code":"too_many_watchers","title":"Too many."}`))
	}
	for name, front := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"nothing": nil,
		"held back": func(_ http.ResponseWriter, r *http.Request) bool {
			if isStream(r) {
				<-r.Context().Done()
			}
			return isStream(r)
		},
		"no stream": func(w http.ResponseWriter, r *http.Request) bool {
			if isStream(r) {
				_, _ = w.Write([]byte("<html>"))
			}
			return isStream(r)
		},
		"nobody may wait": func(w http.ResponseWriter, r *http.Request) bool {
			waits := isStream(r) || r.URL.Query().Has("wait")
			if waits {
				full(w)
			}
			return waits
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.behind(front)
			c := s.client(t)
			told := followed(t.Context(), c, "a")
			report(t, c, client.Started, "one")
			require.Equal(t, "started one", next(t, told))
			report(t, c, client.InProgress, "two")
			require.Equal(t, "in-progress two", next(t, told))
			require.NoError(t, c.Delete(t.Context(), "a"))
			require.Equal(t, "gone", next(t, told))
			report(t, c, client.Success, "three")
			require.Equal(t, "success three", next(t, told))
			_, more := <-told
			require.False(t, more, "the job is over")
			record, err := c.Wait(t.Context(), "a")
			require.NoError(t, err)
			require.Equal(t, "three", record.Message)
		})
	}
}

func TestFollowingGoesOnWhenTheServiceIsBack(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	report(t, c, client.Started, "one")
	told := followed(t.Context(), c, "a")
	require.Equal(t, "started one", next(t, told))
	s.behind(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	s.cut()
	require.Eventually(t, func() bool { return s.times("GET /status/a/events") > 2 }, 20*time.Second, time.Millisecond)
	s.behind(nil)
	report(t, c, client.Fail, "two")
	require.Equal(t, "fail two", next(t, told))
}

func TestADeleteIsToldThatNobodySaw(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(t)
	report(t, c, client.Started, "one")
	told := followed(t.Context(), c, "a")
	require.Equal(t, "started one", next(t, told))
	s.behind(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	s.cut()
	require.NoError(t, c.Delete(t.Context(), "a"))
	s.behind(nil)
	require.Equal(t, "gone", next(t, told))
}

func TestFollowingEndsWithTheContextAndWhenTheServiceSaysNo(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	told := followed(ctx, s.client(t), "a")
	cancel()
	require.Equal(t, "context canceled", next(t, told))
	_, err := s.client(t).Wait(t.Context(), "not an id")
	require.ErrorContains(t, err, "request_id")
}
