package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/statusd/statusd/internal/api"
	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table/embedded"
	"github.com/statusd/statusd/internal/watch"
)

// settled is when each stream has had a comment.
const settled = 18 * time.Second

// idle is a way in which streams wait.
type idle struct {
	streams, jobs int
	shared        bool   // connections, by HTTP/2
	gogc          string // of both sides; "" is what each does by itself
}

// streams is (d): what a stream takes that waits. Both sides have the same
// GOGC, or the one that collects less would seem to need more.
func (s *setting) streams(ctx context.Context, o options) error {
	half := o.streams / 2
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "memory for a stream\tbare KB\tstatusd KB\tratio\ttarget\t\n")
	for _, row := range []struct {
		name, target string
		idle         idle
	}{
		{fmt.Sprintf("(d) %d idle streams of one job", half), "<= 8 KB", idle{half, 1, false, "100"}},
		{fmt.Sprintf("(d) %d idle streams of one job", o.streams), "<= 8 KB", idle{o.streams, 1, false, "100"}},
		{fmt.Sprintf("(d) %d idle streams of one job, HTTP/2", half), "<= 1.30", idle{half, 1, true, "100"}},
	} {
		bare, ours, err := s.compareIdle(ctx, row.idle, max(o.rounds/2, 1))
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, err)
		}
		fmt.Fprintf(out, "%s\t%.1f\t%.1f\t%.2f\t%s\t\n", row.name, bare, ours, ours/bare, row.target)
		fmt.Fprintln(os.Stderr, "measured:", row.name)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, note := range []struct {
		name string
		idle idle
	}{
		{"each of a job of its own that is not there", idle{o.streams, o.streams, false, "100"}},
		{"of one job, with the GOGC that each has by itself (statusd: 100 and a ballast)", idle{o.streams, 1, false, ""}},
	} {
		bare, ours, err := s.compareIdle(ctx, note.idle, 1)
		if err != nil {
			return fmt.Errorf("%s: %w", note.name, err)
		}
		fmt.Printf("%d streams %s: bare %.1f KB, statusd %.1f KB\n", note.idle.streams, note.name, bare, ours)
	}
	return nil
}

// compareIdle measures both sides at the same time, since they only wait, and
// returns the medians.
func (s *setting) compareIdle(ctx context.Context, i idle, rounds int) (bare, ours float64, err error) {
	var all [2][]float64
	for range rounds {
		each, err := s.idleOnce(ctx, i)
		s.stop()
		if err != nil {
			return 0, 0, err
		}
		for n := range all {
			all[n] = append(all[n], each[n])
		}
	}
	return middle(all[0]), middle(all[1]), nil
}

// idleOnce returns how many KB each stream takes, on both sides.
func (s *setting) idleOnce(ctx context.Context, i idle) (each [2]float64, err error) {
	ctx, cancel := context.WithCancel(ctx) // ends streams of HTTP/2
	defer cancel()
	sides, err := s.idleSides(ctx, i)
	if err != nil {
		return each, err
	}
	var before [2]float64
	for n, side := range sides {
		// What is set up once is no stream's.
		if i.jobs == 1 && n == 1 {
			p := poster{address: side.address}
			err := p.post(jobPath(0, 1), `{"status":"in-progress"}`)
			p.close()
			if err != nil {
				return each, err
			}
		}
		first, end := context.WithCancel(ctx)
		if i.shared {
			err = multiplexed(first, side.address, 1, i.jobs)
		} else if conn, failed := openStream(side.address, jobPath(0, i.jobs)+"/events"); failed == nil {
			err = conn.Close()
		} else {
			err = failed
		}
		end()
		if err != nil {
			return each, err
		}
	}
	time.Sleep(time.Second)
	for n, side := range sides {
		if before[n], err = side.memory(); err != nil {
			return each, err
		}
	}
	for _, side := range sides {
		if i.shared {
			err = multiplexed(ctx, side.address, i.streams, i.jobs)
		} else {
			_, err = s.crowd(ctx, side.address, 0, i.streams, i.jobs)
		}
		if err != nil {
			return each, err
		}
	}
	time.Sleep(settled)
	for n, side := range sides {
		after, err := side.memory()
		if err != nil {
			return each, err
		}
		each[n] = (after - before[n]) / float64(i.streams)
	}
	return each, nil
}

func (s *setting) idleSides(ctx context.Context, i idle) (sides [2]*child, err error) {
	var env []string
	if i.gogc != "" {
		env = append(env, "GOGC="+i.gogc)
	}
	file := filepath.Join(s.folder, fmt.Sprintf("idle-%d.db", time.Now().UnixNano()))
	if i.shared {
		if sides[0], err = s.keep(startSelfIn(env, "events", "h2")); err != nil {
			return sides, err
		}
		sides[1], err = s.keep(startSelfIn(env, "h2", file))
		return sides, err
	}
	if sides[0], err = s.keep(startSelfIn(env, "events")); err != nil {
		return sides, err
	}
	sides[1], err = s.service(ctx, s.binary, append(env, "STATUSD_STORE=embedded", "STATUSD_DATA="+file)...)
	return sides, err
}

// memory is what the process has in memory, in KB. See proc(5).
func (c *child) memory() (float64, error) {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", c.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(rollup)) {
		if fields := strings.Fields(line); fields[0] == "Rss:" {
			return strconv.ParseFloat(fields[1], 64)
		}
	}
	return 0, fmt.Errorf("no Rss in %s", rollup)
}

// newAPI returns statusd's API on the embedded engine: statusd itself does not
// speak HTTP/2, by which connections are shared and can't be taken over.
func newAPI(ctx context.Context, file string) (http.Handler, error) {
	engine, err := embedded.Open(file)
	if err != nil {
		return nil, err
	}
	records, err := store.New(engine, store.Config{
		Table: "bench", Silence: model.Silence{LateAfter: 2 * time.Minute, StaleAfter: 10 * time.Minute}, Exclusive: true,
	})
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{
		Store: records, Watch: watch.New(records, watch.Config{Freshness: time.Second, Timeout: time.Second, Most: 20000}),
		Metrics: api.NewMetrics(prometheus.NewRegistry()), Log: zerolog.Nop(), Clock: time.Now,
		Phase: func() api.Phase { return api.Serving }, RequestTimeout: time.Second,
	}), records.CreateTable(ctx)
}
