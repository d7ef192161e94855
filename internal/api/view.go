package api

import (
	"strconv"
	"sync"
	"time"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
)

// recordView is a record on the wire. What has no value is absent.
type recordView struct {
	RequestID   string            `json:"request_id"`
	Status      model.Status      `json:"status"`
	Timestamp   string            `json:"timestamp"`
	Attempt     int64             `json:"attempt"`
	Version     int64             `json:"version"`
	Terminal    bool              `json:"terminal"`
	Liveness    model.Liveness    `json:"liveness,omitempty"`
	Progress    *progressView     `json:"progress,omitempty"`
	ETA         string            `json:"eta,omitempty"`
	Message     string            `json:"message,omitempty"`
	Error       *errorView        `json:"error,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Owner       string            `json:"owner,omitempty"`
	ReportEvery int64             `json:"report_every,omitempty"`
	CancelAt    string            `json:"cancel_requested_at,omitempty"`
	CancelFor   string            `json:"cancel_reason,omitempty"`
	CreatedAt   string            `json:"created_at"`
	UpdatedAt   string            `json:"updated_at"`
	ExpiresAt   int64             `json:"expires_at,omitempty"`
	History     []entryView       `json:"history,omitempty"`
}

type progressView struct {
	Current  float64  `json:"current"`
	Total    *float64 `json:"total,omitempty"`
	Unit     string   `json:"unit,omitempty"`
	Percent  *float64 `json:"percent,omitempty"`
	Advanced string   `json:"advanced_at"`
}

type errorView struct {
	Code     string `json:"code,omitempty"`
	Message  string `json:"message,omitempty"`
	ExitCode *int64 `json:"exit_code,omitempty"`
}

type entryView struct {
	Status    model.Status `json:"status"`
	Attempt   int64        `json:"attempt"`
	Timestamp string       `json:"timestamp"`
	Message   string       `json:"message,omitempty"`
	Error     *errorView   `json:"error,omitempty"`
}

// viewOf is all of a record. It depends on nothing else, so that the record's
// version and its liveness tell whether it is the same.
func viewOf(r model.Record, liveness model.Liveness) recordView {
	v := summaryOf(r, liveness)
	for _, e := range r.History {
		v.History = append(v.History, entryView{
			e.Status, e.Attempt, model.FormatTime(e.Timestamp), e.Message, errorViewOf(e.Error),
		})
	}
	return v
}

// summaryOf is a record as lists show it, without history.
func summaryOf(r model.Record, liveness model.Liveness) recordView {
	v := recordView{
		RequestID: r.RequestID, Status: r.Status, Timestamp: model.FormatTime(r.Timestamp),
		Attempt: r.Attempt, Version: r.Version, Terminal: r.Status.Terminal(), Liveness: liveness,
		Message: r.Message, Error: errorViewOf(r.Error), Metadata: r.Metadata, Owner: r.Owner,
		ReportEvery: r.ReportEvery, CreatedAt: model.FormatTime(r.CreatedAt), UpdatedAt: model.FormatTime(r.UpdatedAt),
		ExpiresAt: r.ExpiresAt, CancelFor: r.CancelReason,
	}
	if !r.CancelRequestedAt.IsZero() {
		v.CancelAt = model.FormatTime(r.CancelRequestedAt)
	}
	if r.Progress != nil {
		v.Progress = &progressView{
			Current: r.Progress.Current, Total: r.Progress.Total, Unit: r.Progress.Unit,
			Advanced: model.FormatTime(r.Progress.AdvancedAt),
		}
		if percent, ok := r.Percent(); ok {
			v.Progress.Percent = &percent
		}
	}
	if eta, ok := r.ETA(); ok {
		v.ETA = model.FormatTime(eta)
	}
	return v
}

func errorViewOf(e *model.Error) *errorView {
	if e == nil {
		return nil
	}
	return &errorView{e.Code, e.Message, e.ExitCode}
}

// encoded is the JSON form of a record with the headers that go with it, made
// once for all who ask while neither version nor liveness change.
type encoded struct {
	body                     []byte
	length, etag, retryAfter []string // as a header holds them; retryAfter may be nil
	event                    func() []byte
}

func (s *server) encode(snapshot *store.Snapshot) *encoded {
	return encode(snapshot, s.config.Store.Liveness(snapshot))
}

func encode(snapshot *store.Snapshot, liveness model.Liveness) *encoded {
	return snapshot.Memo(string(liveness), func() any {
		e := &encoded{
			body: marshal(viewOf(snapshot.Record, liveness)),
			etag: []string{etag(snapshot.Version, liveness)},
		}
		e.length = []string{strconv.Itoa(len(e.body))}
		if liveness != "" {
			e.retryAfter = []string{strconv.Itoa(nextPoll(snapshot.Record))}
		}
		e.event = sync.OnceValue(func() []byte { return recordEvent(snapshot.Record, e.body) })
		return e
	}).(*encoded)
}

// nextPoll is in how many seconds a poll is likely to find something new: the
// time between reports as promised, or as it was so far, or else 5; within
// what is bearable for someone who waits.
func nextPoll(r model.Record) int {
	const shortest, usual, longest = 1, 5, 30
	if r.ReportEvery > 0 {
		return int(min(r.ReportEvery, longest))
	}
	// Versions count from the instant of creation, by one for each report.
	reports := r.Version - r.CreatedAt.UnixMilli()
	if reports < 1 {
		return usual
	}
	mean := r.UpdatedAt.Sub(r.CreatedAt) / time.Duration(reports)
	return int(min(max(mean.Round(time.Second), shortest*time.Second), longest*time.Second) / time.Second)
}
