package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/watch"
)

const (
	pageUsual   = 50
	pageLongest = 200
	batchMost   = 100
)

// page is the body of a list.
type page struct {
	Items      []recordView `json:"items"`
	NextCursor string       `json:"next_cursor,omitempty"`
	Running    *countsView  `json:"running,omitempty"`
}

// countsView is how many running jobs there are, by liveness.
type countsView struct {
	Live    int  `json:"live"`
	Stalled int  `json:"stalled"`
	Late    int  `json:"late"`
	Stale   int  `json:"stale"`
	More    bool `json:"more,omitempty"` // than these, which were counted
}

// batch is the body of a read of named jobs.
type batch struct {
	Items      []recordView `json:"items"`
	NotFound   []string     `json:"not_found"`
	Unreadable []string     `json:"unreadable,omitempty"`
}

// list answers with a page of records, or with those that are named.
func (s *server) list(x *exchange, r *http.Request) error {
	q, err := query(r, "status", "owner", "liveness", "limit", "cursor", "counts", "request_id")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.config.RequestTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	if q.Has("request_id") {
		return s.listNamed(x, r, q)
	}
	filter, err := filterOf(q)
	if err != nil {
		return err
	}
	view, err := x.view(&filter)
	if err != nil {
		return err
	}
	var found store.Page
	if view != nil {
		if found, err = s.config.Store.List(ctx, filter); err != nil {
			return err
		}
	}
	s.logUnreadable(x, found.Unreadable...)
	body := page{Items: s.summaries(found.Items), NextCursor: found.NextCursor}
	if q.Has("counts") {
		var counts watch.Counts
		if view != nil {
			if counts, err = s.config.Watch.Running(ctx, *view); err != nil {
				return err
			}
		}
		body.Running = &countsView{counts.Live, counts.Stalled, counts.Late, counts.Stale, counts.More}
	}
	if listHeader(x, r) {
		lines := s.lines(found.Items)
		if found.NextCursor != "" {
			lines = append(lines, "more: cursor="+found.NextCursor)
		}
		x.writeText(http.StatusOK, strings.Join(lines, "\n"))
		return nil
	}
	x.writeJSON(http.StatusOK, body)
	return nil
}

// listNamed reads the jobs that request_id names, each once.
func (s *server) listNamed(x *exchange, r *http.Request, q url.Values) error {
	if len(q) > 1 {
		return &fault{kind: invalidQuery, detail: "With request_id no other parameter can be given."}
	}
	ids, err := namedIn(q["request_id"])
	if err != nil {
		return err
	}
	asked := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !x.caller.Bound.MayHave(id) })
	all, err := s.config.Store.GetMany(r.Context(), asked)
	if err != nil {
		return err
	}
	found := make(map[string]store.Found)
	for i, one := range all {
		found[asked[i]] = one
	}
	body := batch{NotFound: []string{}}
	var items []*store.Snapshot
	for _, id := range ids {
		switch one, ok := found[id]; {
		case !ok, errors.Is(one.Err, store.ErrNotFound), !x.sees(one.Snapshot):
			body.NotFound = append(body.NotFound, id)
		case one.Err == nil:
			items = append(items, one.Snapshot)
		case x.caller.Bound.Owner != "": // nobody knows whose it is
			body.NotFound = append(body.NotFound, id)
		default:
			body.Unreadable = append(body.Unreadable, id)
			s.logUnreadable(x, one.Err)
		}
	}
	if listHeader(x, r) {
		lines := s.lines(items)
		for _, id := range body.NotFound {
			lines = append(lines, id+"  not found")
		}
		for _, id := range body.Unreadable {
			lines = append(lines, id+"  unreadable")
		}
		x.writeText(http.StatusOK, strings.Join(lines, "\n"))
		return nil
	}
	body.Items = s.summaries(items)
	x.writeJSON(http.StatusOK, body)
	return nil
}

// listHeader sets what all lists have, and tells whether text is wanted.
func listHeader(x *exchange, r *http.Request) (asText bool) {
	h := x.Header()
	h["Cache-Control"] = noCache
	varies(h)
	return wantsText(r.Header["Accept"])
}

func (s *server) summaries(items []*store.Snapshot) []recordView {
	views := make([]recordView, len(items))
	for i, item := range items {
		views[i] = summaryOf(item.Record, s.config.Store.Liveness(item))
	}
	return views
}

func (s *server) lines(items []*store.Snapshot) []string {
	lines := make([]string, len(items))
	for i, item := range items {
		lines[i] = s.line(item)
	}
	return lines
}

func (s *server) logUnreadable(x *exchange, errs ...error) {
	for _, err := range errs {
		s.config.Log.Error().Err(err).Str("trace_id", x.trace.id).Msg("a record can't be read")
	}
}

// namedIn checks ids and leaves out those that come again.
func namedIn(given []string) ([]string, error) {
	var ids []string
	seen := make(map[string]bool)
	for _, id := range given {
		if err := model.ValidateRequestID(id); err != nil {
			return nil, invalid(err)
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if len(ids) > batchMost {
		return nil, &fault{kind: invalidField, fields: []fieldError{{"request_id", "must be given at most 100 times"}}}
	}
	return ids, nil
}

// filterOf reads the parameters of a list. Every bad one is named.
func filterOf(q url.Values) (store.Filter, error) {
	filter := store.Filter{Limit: pageUsual}
	var repeated, bad []fieldError
	for _, name := range []string{"owner", "liveness", "limit", "cursor", "counts"} {
		if len(q[name]) > 1 {
			repeated = append(repeated, twice(name))
		}
	}
	if repeated != nil {
		return filter, &fault{kind: invalidQuery, fields: repeated}
	}
	for _, text := range q["status"] {
		status, ok := model.ParseStatus(text)
		if !ok {
			bad = append(bad, fieldError{"status", "must be one of " + join(status.Values())})
			break
		}
		if !slices.Contains(filter.Statuses, status) {
			filter.Statuses = append(filter.Statuses, status)
		}
	}
	if q.Has("owner") {
		if filter.Owner = q.Get("owner"); filter.Owner == "" {
			bad = append(bad, fieldError{"owner", "must not be empty"})
		}
	}
	if q.Has("liveness") {
		filter.Liveness = model.Liveness(q.Get("liveness"))
		if !slices.Contains(model.Livenesses, filter.Liveness) {
			bad = append(bad, fieldError{"liveness", "must be one of " + join(model.Livenesses)})
		}
	}
	if q.Has("limit") {
		limit, err := strconv.Atoi(q.Get("limit"))
		if err != nil || limit < 1 || limit > pageLongest {
			bad = append(bad, fieldError{"limit", "must be an integer from 1 to 200"})
		}
		filter.Limit = limit
	}
	if q.Has("counts") && q.Get("counts") != "running" {
		bad = append(bad, fieldError{"counts", "must be running"})
	}
	if bad != nil {
		return filter, &fault{kind: invalidField, fields: bad}
	}
	if q.Has("cursor") {
		if filter.Cursor = q.Get("cursor"); filter.Cursor == "" {
			return filter, store.ErrCursor
		}
	}
	return filter, nil
}
