package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/statusd/statusd/client"
)

func TestAReportIsAnsweredByTheRecord(t *testing.T) {
	t.Parallel()
	c := start(t).client(t)
	created, err := c.Report(t.Context(), "bert 17", client.Update{Status: client.Started})
	var no *client.Error
	require.ErrorAs(t, err, &no)
	require.Equal(t, 422, no.Status)
	require.Equal(t, "request_id", no.Fields[0].Name)
	require.Empty(t, created.RequestID)

	created, err = c.Report(t.Context(), "bert~17", client.Update{Status: client.Started, Owner: "vision", ReportEvery: 30})
	require.NoError(t, err)
	require.Equal(t, client.Created, created.Outcome)
	applied, err := c.Report(t.Context(), "bert~17", client.Update{
		Status: client.InProgress, Progress: &client.Progress{Current: 3, Total: 10, Unit: "epoch"},
		Message: strings.Repeat("x", 2000), Metadata: map[string]string{"logs": "here"},
	})
	require.NoError(t, err)
	require.Equal(t, client.Applied, applied.Outcome)
	require.NotEmpty(t, applied.Warning)
	require.Equal(t, client.Progress{Current: 3, Total: 10, Unit: "epoch"}, applied.Progress.Progress)
	require.InDelta(t, 30, *applied.Progress.Percent, 0)
	require.False(t, applied.Progress.AdvancedAt.IsZero())
	require.Equal(t, client.Live, applied.Liveness)
	require.Equal(t, 30, applied.ReportEvery)

	got, err := c.Get(t.Context(), "bert~17")
	require.NoError(t, err)
	require.Equal(t, applied.Record, got)
	require.True(t, json.Valid(got.JSON()))
	require.Len(t, got.History, 2)
	require.NoError(t, c.Delete(t.Context(), "bert~17"))
	_, err = c.Get(t.Context(), "bert~17")
	require.ErrorIs(t, err, client.NotFound)
}

func TestAContradictionSaysWhatIsPossible(t *testing.T) {
	t.Parallel()
	c := start(t).client(t)
	code := 3
	_, err := c.Report(t.Context(), "a", client.Update{Status: client.Fail, Error: &client.Failure{Code: "OOM", ExitCode: &code}})
	require.NoError(t, err)
	_, err = c.Report(t.Context(), "a", client.Update{Status: client.Success})
	require.ErrorIs(t, err, client.Terminal)
	var no *client.Error
	require.ErrorAs(t, err, &no)
	require.EqualValues(t, 2, no.NextAttempt)
	require.Equal(t, 3, *no.Current.Error.ExitCode)
	require.Contains(t, no.Allowed, client.Fail)
	require.Contains(t, err.Error(), "terminal: The job is over.")
	_, err = c.Cancel(t.Context(), "a", "", 0)
	require.ErrorIs(t, err, client.Terminal)

	_, err = c.Report(t.Context(), "a", client.Update{Status: client.Started, Attempt: 2})
	require.NoError(t, err)
	_, err = c.Report(t.Context(), "a", client.Update{Status: client.InProgress, Attempt: 1})
	require.ErrorIs(t, err, client.Superseded)
	asked, err := c.Cancel(t.Context(), "a", "too dear", 2)
	require.NoError(t, err)
	require.Equal(t, "too dear", asked.CancelReason)
	require.WithinDuration(t, time.Now(), asked.CancelRequestedAt, time.Minute)
}

func TestAServiceThatIsBusyIsAskedAgainWhenItSays(t *testing.T) {
	t.Parallel()
	s := start(t)
	var tries atomic.Int64
	s.behind(func(w http.ResponseWriter, _ *http.Request) bool {
		switch tries.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler) // no answer
		default:
			return false
		}
		return true
	})
	var told []string
	c := s.client(t, func(c *client.Config) { c.Retrying = func(err error) { told = append(told, fmt.Sprint(err)) } })
	began := time.Now()
	a, err := c.Report(t.Context(), "a", client.Update{Status: client.Started})
	require.NoError(t, err)
	require.Equal(t, client.Created, a.Outcome)
	require.GreaterOrEqual(t, time.Since(began), time.Second)
	require.Len(t, told, 3)
	require.Contains(t, told[0], "503")
	require.Equal(t, "<nil>", told[2], "it answers again")
}

func TestTryingAgainEndsWithTheContext(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	_, err := s.client(t).Get(ctx, "a")
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "http://")
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestWhatCannotSucceedIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tries.Add(1)
		switch r.URL.Path {
		case "/status/redirected":
			http.Redirect(w, r, "http://elsewhere.example.com/?secret", http.StatusFound)
		case "/status/page":
			fmt.Fprint(w, "<html>Welcome</html>")
		case "/status/object":
			fmt.Fprint(w, "{}")
		case "/status/refused":
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(other.Close)
	c, err := client.New(client.Config{Server: other.URL + "/"})
	require.NoError(t, err)
	for id, why := range map[string]string{
		"redirected": "The answer is 302 Found, to http://elsewhere.example.com, which is not followed: name that as the server.",
		"page":       "none of statusd's", "object": "none of statusd's", "refused": "The answer is 403 Forbidden, and none of statusd's.",
	} {
		tries.Store(0)
		_, err := c.Report(t.Context(), id, client.Update{Status: client.Started})
		require.ErrorContains(t, err, why)
		require.EqualValues(t, 1, tries.Load(), id)
	}
	for _, server := range []string{"localhost:8080", "ftp://x", "http://", "http://user:secret@%zz"} {
		_, err := client.New(client.Config{Server: server})
		require.Error(t, err, server)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestTheTokenIsShownAndItsFileReadAgain(t *testing.T) {
	t.Parallel()
	s := start(t)
	var shown atomic.Value
	s.behind(func(_ http.ResponseWriter, r *http.Request) bool {
		shown.Store(r.Header.Get("Authorization"))
		return false
	})
	file := filepath.Join(t.TempDir(), "token")
	c := s.client(t, func(c *client.Config) { c.TokenFile = file })
	_, err := c.Report(t.Context(), "a", client.Update{Status: client.Started})
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, token := range []string{"one", "two"} {
		require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
		_, err := c.Get(t.Context(), "a")
		require.ErrorIs(t, err, client.NotFound)
		require.Equal(t, "Bearer "+token, shown.Load())
	}
	require.NoError(t, os.WriteFile(file, []byte("three\nand more"), 0o600))
	_, err = c.Get(t.Context(), "a")
	require.EqualError(t, err, "token: it has characters that no token has")
	_, _ = s.client(t, func(c *client.Config) { c.Token, c.TokenFile = "mine", file }).Get(t.Context(), "a")
	require.Equal(t, "Bearer mine", shown.Load())
}

func TestAListIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	c := start(t).client(t)
	for i := range 60 {
		_, err := c.Report(t.Context(), fmt.Sprintf("job-%d", i), client.Update{Status: client.Started, Owner: []string{"a", "b"}[i%2]})
		require.NoError(t, err)
	}
	count := func(q client.Query) (n int) {
		for record, err := range c.List(t.Context(), q) {
			require.NoError(t, err)
			require.NotEmpty(t, record.RequestID)
			n++
		}
		return n
	}
	require.Equal(t, 60, count(client.Query{}))
	require.Equal(t, 30, count(client.Query{Owner: "a", Status: []client.Status{client.Started, client.Fail}, Liveness: client.Live}))
	require.Equal(t, 55, count(client.Query{Limit: 55}))
	require.Equal(t, 60, count(client.Query{Limit: 500}))
	require.Zero(t, count(client.Query{Status: []client.Status{client.Fail}}))
	for _, err := range c.List(t.Context(), client.Query{Liveness: "dead"}) {
		require.ErrorContains(t, err, "liveness")
	}
}

// TestTheRecordHasEveryFieldOfTheContract holds Record and openapi.yaml together.
func TestTheRecordHasEveryFieldOfTheContract(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../openapi.yaml")
	require.NoError(t, err)
	var contract struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Properties map[string]any }
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &contract))
	percent, code := 30.0, 1
	full := client.Record{
		Liveness: client.Live, ETA: time.Now(), Message: "m", Error: &client.Failure{Code: "c", Message: "m", ExitCode: &code},
		Metadata: map[string]string{"a": "b"}, Owner: "o", ReportEvery: 1, CancelRequestedAt: time.Now(), CancelReason: "r",
		ExpiresAt: 1, Progress: &client.Reached{Progress: client.Progress{Total: 1, Unit: "u"}, Percent: &percent},
		History: []client.Entry{{}},
	}
	update := client.Update{
		Attempt: 1, Progress: &client.Progress{}, Message: "m", Error: full.Error, Metadata: full.Metadata, Owner: "o", ReportEvery: 1,
	}
	for names, value := range map[string]any{"RecordFields Record": full, "Update": update} {
		var fields map[string]any
		text, err := json.Marshal(value)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &fields))
		for name := range strings.FieldsSeq(names) {
			for field, schema := range contract.Components.Schemas[name].Properties {
				require.Contains(t, fields, field, name)
				for inner := range schema.Properties {
					require.Contains(t, fields[field], inner, name+"."+field)
				}
				delete(fields, field)
			}
		}
		require.Empty(t, fields, names)
	}
}
