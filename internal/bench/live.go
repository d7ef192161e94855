package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/statusd/statusd/internal/api"
	"github.com/statusd/statusd/internal/dynamotest"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table/embedded"
	"github.com/statusd/statusd/internal/watch"
)

// live measures what watching costs: (d) memory, (e) time, (f) reads.
func live(ctx context.Context, rounds int, only string) error {
	parts := []struct {
		name string
		run  func(ctx context.Context, s *setting, binary string, rounds int) error
	}{{"d", memory}, {"e", broadcast}, {"f", reads}}
	for _, part := range parts {
		if only != "" && only != part.name {
			continue
		}
		err := func() error {
			s, binary, err := build(ctx)
			defer s.close()
			if err != nil {
				return err
			}
			fmt.Println()
			return part.run(ctx, s, binary, rounds)
		}()
		if err != nil {
			return fmt.Errorf("(%s): %w", part.name, err)
		}
	}
	return nil
}

func one(int) string { return "/status/watched/events" }

func each(i int) string { return fmt.Sprintf("/status/watched-%d/events", i) }

// settled is when a stream has had its first comment.
const settled = 17 * time.Second

// memory is (d): what an idle stream takes, of a process that has served
// before.
func memory(ctx context.Context, s *setting, binary string, _ int) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "idle streams\tbare KB\tstatusd KB\tratio\ttarget\t\n")
	for _, row := range []struct {
		name, target string
		streams      int
		path         func(int) string
		shared       bool
	}{
		{"(d) 5,000 on one job", "<= 8 KB", 5000, one, false},
		{"(d) 10,000 on one job", "<= 8 KB", 10000, one, false},
		{"(d) 10,000 on a job each", "<= 8 KB", 10000, each, false},
		{"(d) 5,000 on one job, HTTP/2", "<= 1.30", 5000, one, true},
	} {
		bare, err := s.keep(startSelf("events"))
		if err != nil {
			return err
		}
		ours, err := s.keep(startSelf("api", filepath.Join(s.folder, fmt.Sprint(len(s.children), ".db"))))
		if !row.shared {
			ours, err = s.embeddedService(ctx, binary, fmt.Sprint(len(s.children), ".db"))
		}
		if err != nil {
			return err
		}
		var took []float64
		for _, side := range []*child{bare, ours} {
			path := "/warm"
			if side == ours {
				path = "/openapi.yaml"
			}
			if _, err := newLoad(side.address, 64, get(path)).measure(ctx, 3*time.Second); err != nil {
				return err
			}
			each, err := idle(ctx, side, row.streams, row.path, row.shared)
			if err != nil {
				return err
			}
			took = append(took, each)
			side.stop()
		}
		fmt.Fprintf(out, "%s\t%.1f\t%.1f\t%.2f\t%s\t\n", row.name, took[0], took[1], took[1]/took[0], row.target)
		fmt.Fprintln(os.Stderr, "measured:", row.name)
	}
	return out.Flush()
}

// idle returns how many KB each stream takes.
func idle(ctx context.Context, c *child, streams int, path func(int) string, shared bool) (float64, error) {
	before, err := c.memory()
	if err != nil {
		return 0, err
	}
	if shared {
		closeAll, err := multiplexed(ctx, c.address, streams, path)
		defer closeAll()
		if err != nil {
			return 0, err
		}
	} else {
		var crowd crowd
		defer crowd.close()
		if err := crowd.gather(c.address, streams, path); err != nil {
			return 0, err
		}
	}
	time.Sleep(settled)
	after, err := c.memory()
	return (after - before) / float64(streams), err
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

// serveAPI serves the API with HTTP/2, where connections are shared and can't
// be taken over: statusd itself speaks it only with TLS.
func serveAPI(ctx context.Context, file string) error {
	engine, err := embedded.Open(file)
	if err != nil {
		return err
	}
	records, err := store.New(engine, store.Config{Table: "bench", Exclusive: true})
	if err != nil {
		return err
	}
	if err := records.CreateTable(ctx); err != nil {
		return err
	}
	return serve(api.New(api.Config{
		Store: records, Watch: watch.New(records, watch.Config{Freshness: time.Second, Timeout: time.Second, Most: 20000}),
		Metrics: api.NewMetrics(prometheus.NewRegistry()), Log: zerolog.Nop(), Clock: time.Now,
		Phase: func() api.Phase { return api.Serving }, RequestTimeout: time.Second,
	}).ServeHTTP)
}

// broadcast is (e): how long after the answer to a report the last of 1,000
// watchers has it.
func broadcast(ctx context.Context, s *setting, binary string, rounds int) error {
	const watchers, beside, reports = 1000, 8000, 25
	bare, err := s.keep(startSelf("loop"))
	if err != nil {
		return err
	}
	ours, err := s.embeddedService(ctx, binary, "broadcast.db")
	if err != nil {
		return err
	}
	sides := []*child{bare, ours}
	audiences, posters := make([]audience, 2), make([]poster, 2)
	n := 0
	for i, side := range sides {
		a := &audiences[i]
		defer a.close()
		posters[i].address = side.address
		defer posters[i].close()
		if err := a.gather(side.address, watchers, one); err != nil {
			return err
		}
		a.listen()
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "last of 1,000 watchers\tbare p50 ms\tp99\tstatusd p50 ms\tp99\tratio\ttarget\t\n")
	for _, idlers := range []int{0, beside} {
		for _, side := range sides {
			var crowd crowd
			defer crowd.close()
			if err := crowd.gather(side.address, idlers, each); err != nil {
				return err
			}
		}
		took := make([][]time.Duration, 2)
		for round := range rounds + 1 {
			for i := range sides {
				for range reports {
					n++
					body := fmt.Sprintf(`{"status":"in-progress","progress":{"current":%d,"unit":"step"},"message":%q}`, n, strings.Repeat("x", 200*(1-i)))
					after, err := audiences[i].say(func() error { return posters[i].post("/status/watched", body) })
					if err != nil {
						return err
					}
					if round > 0 { // the first one warms up
						took[i] = append(took[i], after)
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
		}
		b, o := took[0], took[1]
		fmt.Fprintf(out, "(e) beside %d idle ones\t%.1f\t%.1f\t%.1f\t%.1f\t%.2f\t<= 1.20\t\n", idlers,
			quantile(b, .5), quantile(b, .99), quantile(o, .5), quantile(o, .99), quantile(o, .5)/quantile(b, .5))
	}
	return out.Flush()
}

// quantile is in milliseconds.
func quantile(all []time.Duration, q float64) float64 {
	slices.Sort(all)
	return float64(all[int(q*float64(len(all)-1))].Microseconds()) / 1000
}

// reads is (f): what a replica asks of the store for those who read what
// another one writes.
func reads(ctx context.Context, s *setting, binary string, _ int) error {
	const jobs, length = 100, 20 * time.Second
	server, err := dynamotest.Run(ctx, "")
	if err != nil {
		return err
	}
	replica := func() (*child, error) {
		return s.service(ctx, binary, "STATUSD_STORE=dynamodb", "STATUSD_TABLE=live", "STATUSD_DYNAMODB_ENDPOINT="+server.Endpoint)
	}
	writer, err := replica()
	if err != nil {
		return err
	}
	reader, err := replica()
	if err != nil {
		return err
	}
	p := &poster{address: writer.address}
	defer p.close()
	writing, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // each job about every two seconds
		for n := 0; writing.Err() == nil; n++ {
			_ = p.post(fmt.Sprintf("/status/watched-%d", n%jobs), fmt.Sprintf(`{"status":"in-progress","progress":{"current":%d}}`, n))
			time.Sleep(20 * time.Millisecond)
		}
	}()
	time.Sleep(3 * time.Second)

	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "reads of the store\tper second\ttarget\t\n")
	measure := func(name string, during func() error) error {
		before, err := readsOf(reader)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := during(); err != nil {
			return err
		}
		after, err := readsOf(reader)
		fmt.Fprintf(out, "%s\t%.2f\t<= 1\t\n", name, (after-before)/time.Since(began).Seconds())
		return err
	}
	polled := newLoad(reader.address, 1000, get("/status/watched-0"))
	if err := measure("(f) 1,000 pollers of one job", func() error {
		_, err := polled.measure(ctx, length)
		return err
	}); err != nil {
		return err
	}
	var crowd crowd
	defer crowd.close()
	if err := crowd.gather(reader.address, 1000, func(i int) string { return each(i % jobs) }); err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	if err := measure("(f) 1,000 watchers of 100 jobs", func() error {
		time.Sleep(length)
		return nil
	}); err != nil {
		return err
	}
	return out.Flush()
}

// readsOf is how many reads the replica has made.
func readsOf(c *child) (total float64, err error) {
	answer, err := http.Get("http://" + c.address + "/metrics")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(name, `statusd_store_calls_total{operation="GetItem"`) || strings.HasPrefix(name, `statusd_store_calls_total{operation="BatchGetItem"`) {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}
