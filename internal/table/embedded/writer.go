package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/statusd/statusd/internal/table"
)

const (
	// batchMost is how many operations share one commit, and so one sync.
	batchMost = 256
	// queueMost is how many operations wait for the writer; more wait outside.
	queueMost = 1024
)

// writer is the one goroutine that writes. It takes all operations that wait
// and commits them together: a sync of the disk costs as much for one as for
// many. It has no context: nobody who hangs up may roll back what others wait
// for.
type writer struct {
	path  string
	queue chan *operation
	done  chan struct{}

	mu     sync.RWMutex // held for reading while an operation enters the queue
	closed bool

	conn    *conn
	commits atomic.Int64
	// commit is how a transaction ends; tests make it fail.
	commit func(*conn) error
	broken atomic.Bool // the last transaction failed
}

// operation is a write on its way through the queue.
type operation struct {
	// run does it within the transaction. An error of package table is its own
	// failure, and no matter of the others' in the batch; any other is SQLite's
	// and ends the transaction.
	run   func(c *conn) error
	alone bool // in a transaction of its own
	// committed, if set, is called after COMMIT, before anything else is
	// written.
	committed func()
	state     atomic.Int32
	outcome   chan error
}

// An operation is waiting until the writer takes it, or its caller withdraws
// it.
const (
	waiting int32 = iota
	taken
	withdrawn
)

func startWriter(c *conn, path string) *writer {
	w := &writer{path: path, conn: c, queue: make(chan *operation, queueMost), done: make(chan struct{}), commit: commit}
	go w.loop()
	return w
}

func commit(c *conn) error {
	_, err := c.exec("COMMIT")
	return err
}

// do queues an operation and waits until it is committed, or is known not to
// be. A caller whose context ends first is told whether the write may still
// happen.
func (w *writer) do(ctx context.Context, o *operation) error {
	o.outcome = make(chan error, 1)
	if err := w.enter(ctx, o); err != nil {
		return err
	}
	select {
	case err := <-o.outcome:
		return err
	case <-ctx.Done():
		if o.state.CompareAndSwap(waiting, withdrawn) {
			return context.Cause(ctx)
		}
		return &uncertainError{context.Cause(ctx)}
	}
}

func (w *writer) enter(ctx context.Context, o *operation) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	select {
	case w.queue <- o:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// uncertainError is a write of which nobody knows whether it happened.
type uncertainError struct{ cause error }

func (e *uncertainError) Error() string { return e.cause.Error() }
func (e *uncertainError) Unwrap() error { return e.cause }

func (w *writer) close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	close(w.queue)
	<-w.done
	if w.conn == nil {
		return nil
	}
	return w.conn.close()
}

func (w *writer) loop() {
	defer close(w.done)
	var batch []*operation
	for first := range w.queue {
		batch = w.take(batch[:0], first)
		w.write(batch)
		clear(batch)
	}
}

// take gathers what waits, up to an operation that wants to be alone.
func (w *writer) take(batch []*operation, next *operation) []*operation {
	for {
		if next.state.CompareAndSwap(waiting, taken) {
			if next.alone {
				w.write(batch)
				w.write([]*operation{next})
				return batch[:0]
			}
			batch = append(batch, next)
		}
		if len(batch) == batchMost {
			return batch
		}
		select {
		case o, ok := <-w.queue:
			if !ok {
				return batch
			}
			next = o
		default:
			return batch
		}
	}
}

// write runs a batch in one transaction and tells its callers, once it is
// committed.
func (w *writer) write(batch []*operation) {
	if len(batch) == 0 {
		return
	}
	outcomes := make([]error, len(batch))
	err := w.transaction(batch, outcomes)
	w.broken.Store(err != nil)
	for i, o := range batch {
		if outcomes[i] == nil {
			outcomes[i] = err
		}
		if outcomes[i] == nil && o.committed != nil {
			o.committed()
		}
		o.outcome <- outcomes[i]
	}
}

// transaction returns an error if nothing of the batch is committed, or, as an
// *uncertainError, if that is not known.
func (w *writer) transaction(batch []*operation, outcomes []error) error {
	if err := w.begin(); err != nil {
		return err
	}
	for i, o := range batch {
		outcomes[i] = o.run(w.conn)
		if err := outcomes[i]; err != nil && !known(err) {
			clear(outcomes)
			return errors.Join(err, w.rollback())
		}
	}
	if err := w.commit(w.conn); err != nil {
		// Whether it reached the disk before it failed, nobody can tell. Also
		// what was found not to hold may have been so by this batch alone.
		clear(outcomes)
		return &uncertainError{errors.Join(fmt.Errorf("committing: %w", err), w.rollback())}
	}
	w.commits.Add(1)
	return nil
}

// begin starts a transaction, on a new connection if the last one broke.
func (w *writer) begin() error {
	if w.conn == nil {
		c, err := openWriter(w.path)
		if err != nil {
			return err
		}
		w.conn = c
	}
	_, err := w.conn.exec("BEGIN IMMEDIATE")
	if err != nil {
		return errors.Join(err, w.rollback())
	}
	return nil
}

// rollback ends a transaction that failed. The connection is given up: after
// an error of the disk its state is not to be relied on.
func (w *writer) rollback() error {
	_, _ = w.conn.exec("ROLLBACK") // some errors have rolled back already
	err := w.conn.close()
	w.conn = nil
	return err
}

// unavailable is how a failed write is told to its caller.
func unavailable(t, operation string, err error) error {
	if err == nil || known(err) {
		return err
	}
	var uncertain *uncertainError
	return &table.UnavailableError{Table: t, Operation: operation, Cause: err, Uncertain: errors.As(err, &uncertain)}
}
