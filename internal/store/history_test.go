package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table"
)

// jobState is a job as a reader sees it, and all that the sequential
// specification of one keeps. It has no times: those are the replicas'.
type jobState struct {
	there   bool
	status  model.Status
	attempt int64
	current float64
	// version grows with each write. It is not exact, but a lower bound, after
	// a write whose answer nobody got. Where a new job's begins is left open: at
	// the instant at which its request was made, though its record may come to
	// be later.
	version int64
	exact   bool
}

// request is what a client asked; the zero update with read or deleted set.
type request struct {
	job           string
	read, deleted bool
	update        model.Update
	// ghost is a write that may have happened once more within the request: if
	// its answer was lost and others wrote after it, it is merged again, as often
	// as that comes to pass. Only a request that tried a write which was not
	// acknowledged can have one.
	ghost bool
}

// answer is what the client was told; unknown if that was an error.
type answer struct {
	unknown  bool
	notFound bool
	kind     model.Kind
	seen     jobState
}

// record is the state as the merge rule takes it.
func (j jobState) record() *model.Record {
	if !j.there {
		return nil
	}
	r := &model.Record{Status: j.status, Attempt: j.attempt, Version: j.version}
	if j.current > 0 {
		r.Progress = &model.Progress{Current: j.current}
	}
	return r
}

// afterUpdate applies the merge rule.
func (j jobState) afterUpdate(u model.Update) (jobState, model.Kind) {
	r, outcome := model.Merge(j.record(), "job", u, time.UnixMilli(1), model.Policy{})
	next := jobState{there: true, status: r.Status, attempt: r.Attempt, version: r.Version, exact: j.exact}
	if r.Progress != nil {
		next.current = r.Progress.Current
	}
	if outcome.Kind == model.Created {
		next.version = 0
	}
	return next, outcome.Kind
}

// admits tells whether a client can have seen o when the state is j.
func (j jobState) admits(o jobState) bool {
	return j.there && j.status == o.status && j.attempt == o.attempt && j.current == o.current &&
		(o.version == j.version || !j.exact && o.version > j.version)
}

// step is the specification: the states that a job can be in after the answer.
func step(from any, in any, out any) []any {
	j, asked, told := from.(jobState), in.(request), out.(answer)
	pinned := func(s jobState) []any { // by what the client saw
		s.version, s.exact = told.seen.version, true
		return []any{s}
	}
	if asked.read {
		switch {
		case told.unknown, told.notFound && !j.there:
			return []any{j}
		case !told.notFound && j.admits(told.seen):
			return pinned(j)
		}
		return nil
	}
	if asked.deleted {
		gone := jobState{}
		switch {
		case told.unknown && j.there:
			return []any{j, gone}
		case told.unknown, told.notFound && !j.there:
			return []any{j}
		case !told.notFound && j.there:
			return []any{gone}
		}
		return nil
	}
	next, kind := j.afterUpdate(asked.update)
	switch {
	case told.unknown:
		if next == j {
			return []any{j}
		}
		return []any{j, next}
	case told.kind == kind && next.admits(told.seen):
		return pinned(next)
	}
	return nil
}

var specification = porcupine.NondeterministicModel{
	Init: func() []any { return []any{jobState{}} },
	Step: step,
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byJob := make(map[string][]porcupine.Operation)
		for _, o := range history {
			job := o.Input.(request).job
			byJob[job] = append(byJob[job], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range byJob {
			parts = append(parts, part)
		}
		return parts
	},
	Hash: func(state any) uint64 {
		j := state.(jobState)
		return uint64(j.version)<<8 ^ uint64(j.attempt)<<4 ^ uint64(len(j.status)) ^ uint64(j.current)<<40
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}

// counting is an engine that counts the creates and updates of each request.
type counting struct{ table.Engine }

type writesKey struct{}

func (e counting) Put(ctx context.Context, s *table.Schema, w table.Put) error {
	countWrite(ctx)
	return e.Engine.Put(ctx, s, w)
}

func (e counting) Update(ctx context.Context, s *table.Schema, u table.Update) (table.Item, error) {
	countWrite(ctx)
	return e.Engine.Update(ctx, s, u)
}

func countWrite(ctx context.Context) {
	if writes, ok := ctx.Value(writesKey{}).(*atomic.Int64); ok {
		writes.Add(1)
	}
}

// recorder keeps the history of a test.
type recorder struct {
	began   time.Time
	mu      sync.Mutex
	history []porcupine.Operation
}

// run makes one request and notes it.
func (r *recorder) run(ctx context.Context, client int, s *Store, asked request) {
	var writes atomic.Int64
	call := time.Since(r.began).Nanoseconds()
	told := ask(context.WithValue(ctx, writesKey{}, &writes), s, asked)
	returned := time.Since(r.began).Nanoseconds()
	if told.unknown {
		returned = math.MaxInt64 // it may take effect at any time
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, porcupine.Operation{ClientId: client, Input: asked, Call: call, Output: told, Return: returned})
	if told.kind == model.Created || told.kind == model.Applied {
		writes.Add(-1) // the one that was acknowledged
	}
	for range writes.Load() {
		again := asked
		again.ghost = true
		r.history = append(r.history, porcupine.Operation{
			ClientId: client, Input: again, Call: call, Output: answer{unknown: true}, Return: returned,
		})
	}
}

func ask(ctx context.Context, s *Store, asked request) answer {
	seen := func(found *Snapshot) jobState {
		j := jobState{there: true, status: found.Status, attempt: found.Attempt, version: found.Version, exact: true}
		if found.Progress != nil {
			j.current = found.Progress.Current
		}
		return j
	}
	var err error
	var told answer
	switch {
	case asked.read:
		var found *Snapshot
		if found, err = s.Get(ctx, asked.job); err == nil {
			told.seen = seen(found)
		}
	case asked.deleted:
		err = s.Delete(ctx, asked.job, nil)
	default:
		var result Result
		if result, err = s.Apply(ctx, asked.job, asked.update, When{}); err == nil {
			told.kind, told.seen = result.Outcome.Kind, seen(result.Snapshot)
		}
	}
	told.notFound = errors.Is(err, ErrNotFound)
	told.unknown = err != nil && !told.notFound
	return told
}

// anyRequest is what a client may do next: mostly reports of a few attempts,
// in no sensible order.
func anyRequest(jobs int) request {
	asked := request{job: fmt.Sprintf("job-%d", rand.IntN(jobs))}
	switch dice := rand.IntN(20); {
	case dice < 4:
		asked.read = true
	case dice < 6:
		asked.deleted = true
	default:
		asked.update = report(
			[]model.Status{model.Started, model.InProgress, model.InProgress, model.InProgress, model.Success, model.Fail}[rand.IntN(6)],
			int64(rand.IntN(4)), float64(rand.IntN(50)))
	}
	return asked
}
