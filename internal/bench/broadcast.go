package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// How many there are in (e).
const (
	listening = 1000
	beside    = 8000
	reports   = 80 // in a round, so that comments come while it lasts
)

// hall is a side of (e) with those who listen to it.
type hall struct {
	poster   poster
	audience *child
	report   func(n int) string
	answered []float64 // ms from the answer until the last one has heard
	sent     []float64 // ms from the request
}

// broadcast is (e): how long it takes until the last of many who watch one job
// has a report. The bare side is told what statusd makes of one, so that the
// events are of a size.
func (s *setting) broadcast(ctx context.Context, o options) error {
	const gogc = "GOGC=400" // of both
	service, err := s.service(ctx, s.binary, gogc, "STATUSD_STORE=embedded", "STATUSD_DATA="+s.folder+"/broadcast.db")
	if err != nil {
		return err
	}
	bare, err := s.keep(startSelfIn([]string{gogc}, "loop"))
	if err != nil {
		return err
	}
	report := func(n int) string { return fmt.Sprintf(`{"status":"in-progress","progress":{"current":%d}}`, n) }
	halls := []*hall{{report: report}, {report: report}}
	for i, side := range []*child{bare, service} {
		halls[i].poster.address = side.address
		defer halls[i].poster.close()
		audience, err := s.crowd(ctx, side.address, 0, listening, 1)
		if err != nil {
			return err
		}
		halls[i].audience = audience[0]
	}
	if _, _, err := halls[1].say(ctx, 1); err != nil {
		return err
	}
	record, err := fetch(ctx, "http://"+service.address+jobPath(0, 1))
	if err != nil {
		return err
	}
	halls[0].report = func(int) string { return strings.TrimSpace(record) }

	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "report to last of %d\tbare p50 ms\tp99 ms\tstatusd p50 ms\tp99 ms\tratio\ttarget\t\n", listening)
	var notes []string
	n := 1
	for _, idlers := range []int{0, beside} {
		for _, h := range halls {
			if _, err := s.crowd(ctx, h.poster.address, 1, idlers, idlers+1); err != nil {
				return err
			}
			h.answered, h.sent = nil, nil
		}
		name := fmt.Sprintf("(e) beside %d idle streams", idlers)
		for round := range o.rounds + 1 {
			for _, h := range halls {
				for range reports {
					n++
					answered, sent, err := h.say(ctx, n)
					if err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
					if round > 0 { // the first one warms up
						h.answered, h.sent = append(h.answered, answered), append(h.sent, sent)
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
		}
		b, o := halls[0].answered, halls[1].answered
		fmt.Fprintf(out, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.2f\t<= 1.20\t\n", name,
			middle(b), highest(b), middle(o), highest(o), middle(o)/middle(b))
		notes = append(notes, fmt.Sprintf("%s, from when the report is sent: bare %.1f ms, statusd %.1f ms",
			name, middle(halls[0].sent), middle(halls[1].sent)))
		fmt.Fprintln(os.Stderr, "measured:", name)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, note := range notes {
		fmt.Println(note)
	}
	return nil
}

// say makes a report and returns how many ms after its answer, and after it was
// sent, the last one had it. The clocks of two processes are the same.
func (h *hall) say(ctx context.Context, n int) (answered, sent float64, err error) {
	began := time.Now()
	if err := h.poster.post(jobPath(0, 1), h.report(n)); err != nil {
		return 0, 0, err
	}
	end := time.Now()
	at, err := h.audience.ask(ctx, "/last")
	last := time.Unix(0, at)
	return last.Sub(end).Seconds() * 1000, last.Sub(began).Seconds() * 1000, err
}

// highest is the 99th percentile.
func highest(all []float64) float64 {
	return slices.Sorted(slices.Values(all))[(len(all)*99+99)/100-1]
}

// fetch returns what a URL answers.
func fetch(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("answered %s", body)
	}
	return string(body), err
}
