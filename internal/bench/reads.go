package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/statusd/statusd/internal/dynamotest"
)

// calls is how often a replica has read the store.
type calls struct{ gets, batches float64 }

// reads is (f): what a replica asks of the store for those who read what
// another one writes. Without sharing, each answer would be a read.
func (s *setting) reads(ctx context.Context, o options) error {
	const clients, jobs = 1000, 100
	server, err := dynamotest.Run(ctx, "")
	if err != nil {
		return err
	}
	defer server.Close()
	var replicas [2]*child
	for i := range replicas {
		if replicas[i], err = s.service(ctx, s.binary, "STATUSD_STORE=dynamodb", "STATUSD_TABLE=reads",
			"STATUSD_DYNAMODB_ENDPOINT="+server.Endpoint, "STATUSD_CREATE_TABLE=true"); err != nil {
			return err
		}
	}
	writer, reader := replicas[0], replicas[1]
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	written := write(ctx, writer.address, jobs)
	time.Sleep(3 * time.Second) // all jobs are there

	length := max(time.Duration(o.rounds)*o.length, 10*time.Second)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "reads of the store\tto clients/s\tGetItem/s\tBatchGetItem/s\treads/s\ttarget\t\n")
	row := func(name string, during func() (int64, error)) error {
		before, err := readsOf(ctx, reader)
		if err != nil {
			return err
		}
		began := time.Now()
		n, err := during()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		took := time.Since(began).Seconds()
		after, err := readsOf(ctx, reader)
		if err != nil {
			return err
		}
		gets, batches := (after.gets-before.gets)/took, (after.batches-before.batches)/took
		fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%.2f\t%.2f\t<= 1.00\t\n", name, float64(n)/took, gets, batches, gets+batches)
		fmt.Fprintln(os.Stderr, "measured:", name)
		return nil
	}
	polls := newLoad(reader.address, clients, get(jobPath(0, jobs)))
	polls.pause = 200 * time.Millisecond
	if err := row(fmt.Sprintf("(f) %d pollers of one job", clients), func() (int64, error) {
		n, err := polls.measure(ctx, length)
		return int64(n), err
	}); err != nil {
		return err
	}
	crowd, err := s.crowd(ctx, reader.address, 0, clients, jobs)
	if err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	var heard, wrote int64
	if err := row(fmt.Sprintf("(f) %d watchers of %d jobs", clients, jobs), func() (int64, error) {
		from, err := crowd[0].ask(ctx, "/events")
		if err != nil {
			return 0, err
		}
		writes := written.Load()
		time.Sleep(length)
		wrote = written.Load() - writes
		to, err := crowd[0].ask(ctx, "/events")
		heard = to - from
		return heard, err
	}); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Printf("the other replica wrote %d reports meanwhile, each for %d watchers: %d events if none were seen as one, %d came\n",
		wrote, clients/jobs, wrote*clients/jobs, heard)
	return nil
}

// write reports on the jobs in turn, and tells how often it has.
func write(ctx context.Context, address string, jobs int) *atomic.Int64 {
	var written atomic.Int64
	go func() {
		p := &poster{address: address}
		defer p.close()
		for n := 0; ctx.Err() == nil; n++ {
			if err := p.post(jobPath(n, jobs), fmt.Sprintf(`{"status":"in-progress","progress":{"current":%d}}`, n)); err != nil {
				return // the replica has ended, or events will be missing
			}
			written.Add(1)
			time.Sleep(20 * time.Millisecond) // each job about every two seconds
		}
	}()
	return &written
}

// readsOf is how many reads the replica has made, as it tells itself.
func readsOf(ctx context.Context, c *child) (r calls, err error) {
	metrics, err := fetch(ctx, "http://"+c.address+"/metrics")
	for line := range strings.Lines(metrics) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseFloat(value, 64)
		switch {
		case strings.HasPrefix(name, `statusd_store_calls_total{operation="GetItem"`):
			r.gets += n
		case strings.HasPrefix(name, `statusd_store_calls_total{operation="BatchGetItem"`):
			r.batches += n
		}
	}
	return r, err
}
