package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Outcome is what became of a report.
type Outcome string

// A report that contradicts the record is an [*Error] instead.
const (
	Created   Outcome = "created"
	Applied   Outcome = "applied"
	Unchanged Outcome = "unchanged" // all of it was known, or it came too late to matter
)

// Answer is what a report brought.
type Answer struct {
	Record
	Outcome Outcome
	Warning string // what of it was cut, if anything
}

// Report says where a job is. Its answer tells, too, whether somebody has asked
// that the job be stopped.
func (c *Client) Report(ctx context.Context, id string, u Update) (Answer, error) {
	r, err := reportOf(id, u)
	if err != nil {
		return Answer{}, err
	}
	var a Answer
	err = c.do(ctx, r, readAnswer(&a))
	return a, err
}

func reportOf(id string, u Update) (request, error) {
	body, err := json.Marshal(u)
	return request{method: http.MethodPost, path: path(id), body: body}, err
}

func readAnswer(a *Answer) func(*http.Response) error {
	return func(answer *http.Response) error {
		a.Outcome, a.Warning = Outcome(answer.Header.Get("Statusd-Outcome")), answer.Header.Get("Statusd-Warning")
		return readJSON(answer, &a.Record)
	}
}

// Cancel asks that a running job be stopped, and says why. The job is over when
// its worker says so. An attempt other than 0 has no other stopped.
func (c *Client) Cancel(ctx context.Context, id, reason string, attempt int64) (Record, error) {
	body, err := json.Marshal(struct {
		Reason  string `json:"reason,omitempty"`
		Attempt int64  `json:"attempt,omitempty"`
	}{reason, attempt})
	if err != nil {
		return Record{}, err
	}
	var record Record
	err = c.do(ctx, request{method: http.MethodPost, path: path(id, "/cancel"), body: body}, readRecord(&record))
	return record, err
}

// Get returns the record of a job. For one that is not there the error is
// [NotFound].
func (c *Client) Get(ctx context.Context, id string) (Record, error) {
	var record Record
	err := c.do(ctx, request{method: http.MethodGet, path: path(id)}, readRecord(&record))
	return record, err
}

// Delete has the service forget a job.
func (c *Client) Delete(ctx context.Context, id string) error {
	return c.do(ctx, request{method: http.MethodDelete, path: path(id)}, func(*http.Response) error { return nil })
}

// Query is which jobs to list. What is empty does not matter.
type Query struct {
	Status   []Status // any of these
	Owner    string
	Liveness Liveness
	Limit    int // how many at most
}

// List goes through the jobs, newest status first, page by page. It ends with
// the first error. Records have no history.
func (c *Client) List(ctx context.Context, q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		query := url.Values{}
		for _, status := range q.Status {
			query.Add("status", string(status))
		}
		if q.Owner != "" {
			query.Set("owner", q.Owner)
		}
		if q.Liveness != "" {
			query.Set("liveness", string(q.Liveness))
		}
		left := q.Limit
		for {
			if q.Limit > 0 {
				query.Set("limit", strconv.Itoa(min(left, mostListed)))
			}
			var page struct {
				Items []Record `json:"items"`
				Next  string   `json:"next_cursor"`
			}
			r := request{method: http.MethodGet, path: "/status", query: query}
			if err := c.do(ctx, r, func(a *http.Response) error { return readJSON(a, &page) }); err != nil {
				yield(Record{}, err)
				return
			}
			for _, record := range page.Items {
				if !yield(record, nil) {
					return
				}
			}
			if left -= len(page.Items); page.Next == "" || q.Limit > 0 && left <= 0 {
				return
			}
			query.Set("cursor", page.Next)
			query.Set("limit", strconv.Itoa(mostListed)) // who wants the second page wants many
		}
	}
}

const mostListed = 200 // in a page
