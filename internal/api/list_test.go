package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/store"
)

// ids returns the request_ids of the items.
func (a answer) ids() []string {
	a.t.Helper()
	ids := []string{}
	for _, item := range a.json("items").([]any) {
		ids = append(ids, item.(map[string]any)["request_id"].(string))
	}
	return ids
}

// filled is a service with jobs a to e, one second apart.
func filled(t *testing.T, options ...func(*Config)) *service {
	s := start(t, options...)
	for i, body := range []string{
		`{"status":"started","owner":"me"}`,
		`{"status":"in-progress","owner":"me"}`,
		`{"status":"success"}`,
		`{"status":"fail","owner":"you"}`,
		`{"status":"in-progress"}`,
	} {
		s.posted(string(rune('a'+i)), body)
		s.clock.advance(time.Second)
	}
	return s
}

func TestListIsNewestFirstAndFiltered(t *testing.T) {
	t.Parallel()
	s := filled(t)
	for query, ids := range map[string][]string{
		"":                                  {"e", "d", "c", "b", "a"},
		"?status=in-progress":               {"e", "b"},
		"?status=IN_PROGRESS&status=failed": {"e", "d", "b"},
		"?owner=me":                         {"b", "a"},
		"?owner=me&status=started":          {"a"},
		"?owner=nobody":                     {},
		"?liveness=live":                    {"e", "b", "a"},
		"?liveness=stale":                   {},
		"?limit=200":                        {"e", "d", "c", "b", "a"},
	} {
		a := s.get("/status" + query)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Equal(t, ids, a.ids(), query)
		require.NotContains(t, a.body, "next_cursor")
		require.NotContains(t, a.body, "history")
		require.Equal(t, "no-cache", a.header.Get("Cache-Control"))
		require.Equal(t, "Accept", a.header.Get("Vary"))
	}
	s.clock.advance(time.Hour)
	require.Equal(t, []string{"e", "b", "a"}, s.get("/status?liveness=stale").ids())
}

func TestListGoesOnAtItsCursor(t *testing.T) {
	t.Parallel()
	s := filled(t)
	var ids []string
	path := "/status?limit=2"
	for pages := 1; ; pages++ {
		a := s.get(path)
		ids = append(ids, a.ids()...)
		cursor, more := a.json("next_cursor").(string)
		if !more {
			require.Equal(t, 3, pages)
			break
		}
		path = "/status?limit=2&cursor=" + url.QueryEscape(cursor)
	}
	require.Equal(t, []string{"e", "d", "c", "b", "a"}, ids)

	cursor := url.QueryEscape(s.get("/status?limit=2").json("next_cursor").(string))
	for _, query := range []string{"?cursor=x", "?cursor=", "?owner=me&cursor=" + cursor} {
		s.get("/status"+query).isProblem(http.StatusBadRequest, invalidCursor)
	}
}

func TestListOfNamedJobsTellsWhichAreNotThere(t *testing.T) {
	t.Parallel()
	s := filled(t)
	a := s.get("/status?request_id=c&request_id=nope&request_id=a&request_id=c&request_id=zip")
	require.Equal(t, []string{"c", "a"}, a.ids())
	require.Equal(t, []any{"nope", "zip"}, a.json("not_found"))
	require.NotContains(t, a.body, "history")
	require.Equal(t, []any{}, s.get("/status?request_id=c").json("not_found"))
	require.Empty(t, s.get("/status?request_id=x").ids())

	var many strings.Builder
	for i := range batchMost {
		fmt.Fprintf(&many, "&request_id=job-%d", i)
	}
	require.Len(t, s.get("/status?"+many.String()[1:]).json("not_found"), batchMost)
	s.get("/status?request_id=x"+many.String()).isProblem(http.StatusUnprocessableEntity, invalidField)
	bad := s.get("/status?request_id=a&request_id=a%20b")
	bad.isProblem(http.StatusUnprocessableEntity, invalidField)
	require.Equal(t, []string{"request_id"}, bad.fields())
	s.get("/status?request_id=a&limit=1").isProblem(http.StatusBadRequest, invalidQuery)
}

func TestListRefusesWhatItCannotHonour(t *testing.T) {
	t.Parallel()
	s := start(t)
	for query, fields := range map[string][]string{
		"?limit=0":   {"limit"},
		"?limit=201": {"limit"},
		"?limit=x":   {"limit"},
		"?limit=":    {"limit"},
		"?status=":   {"status"},
		"?status=done&limit=0&owner=&liveness=dead": {"status", "owner", "liveness", "limit"},
	} {
		a := s.get("/status" + query)
		a.isProblem(http.StatusUnprocessableEntity, invalidField)
		require.Equal(t, fields, a.fields(), query)
	}
	for query, fields := range map[string][]string{
		"?stauts=fail":          {"stauts"},
		"?x=1&owner=me&y=2":     {"x", "y"},
		"?owner=a&owner=b":      {"owner"},
		"?limit=1&limit=2":      {"limit"},
		"?status=fail;owner=me": {},
	} {
		a := s.get("/status" + query)
		a.isProblem(http.StatusBadRequest, invalidQuery)
		require.Equal(t, fields, a.fields(), query)
	}
}

func TestListCountsRunningJobsWhateverItsFilters(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.posted("a", `{"status":"started"}`)
	s.posted("b", `{"status":"in-progress","report_every":1}`)
	s.posted("c", `{"status":"success"}`)
	s.clock.advance(2 * time.Second)
	a := s.get("/status?counts=running&status=success&limit=1")
	require.Equal(t, map[string]any{"live": 1.0, "stalled": 0.0, "late": 1.0, "stale": 0.0}, a.json("running"))
	require.Len(t, a.json("items"), 1)
	require.Nil(t, s.get("/status").json("running"))
	require.Equal(t, []string{"counts"}, s.get("/status?counts=all").fields())
	s.get("/status?counts=running&counts=running").isProblem(http.StatusBadRequest, invalidQuery)
}

func TestListAsTextIsOneLineEach(t *testing.T) {
	t.Parallel()
	s := filled(t)
	a := s.get("/status?limit=2", "Accept", "text/plain")
	require.Regexp(t, `^e  in-progress  live, reported 1s ago\nd  fail  ended 2s ago\nmore: cursor=\S+\n$`, a.body)
	a = s.get("/status?request_id=d&request_id=x", "Accept", "text/plain")
	require.Equal(t, "d  fail  ended 2s ago\nx  not found\n", a.body)
	require.Equal(t, "\n", s.get("/status?owner=nobody", "Accept", "text/plain").body)
}

func TestRecordsThatCannotBeReadDoNotHideTheOthers(t *testing.T) {
	t.Parallel()
	s := filled(t, func(c *Config) { c.Store = corrupted{c.Store} })
	a := s.get("/status?request_id=a&request_id=b&request_id=x")
	require.Equal(t, []string{"a"}, a.ids())
	require.Equal(t, []any{"b"}, a.json("unreadable"))
	require.Equal(t, []any{"x"}, a.json("not_found"))
	require.Equal(t, http.StatusOK, s.get("/status").status)
	require.Len(t, s.log.of("a record can't be read"), 2)
	require.Contains(t, s.get("/status?request_id=b", "Accept", "text/plain").body, "b  unreadable\n")
}

// corrupted has a record b that can't be read.
type corrupted struct{ Store }

func (c corrupted) GetMany(ctx context.Context, ids []string) ([]store.Found, error) {
	all, err := c.Store.GetMany(ctx, ids)
	for i, id := range ids {
		if id == "b" {
			all[i] = store.Found{Err: fmt.Errorf("secret: %w", store.ErrCorrupt)}
		}
	}
	return all, err
}

func (c corrupted) List(ctx context.Context, f store.Filter) (store.Page, error) {
	page, err := c.Store.List(ctx, f)
	page.Unreadable = append(page.Unreadable, store.ErrCorrupt)
	return page, err
}
