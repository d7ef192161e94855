package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/maypok86/otter/v2"
	"modernc.org/sqlite"

	"github.com/statusd/statusd/internal/table"
)

const (
	// applicationID marks the file as one of ours: "stat" in ASCII.
	applicationID = 0x73746174
	// fileVersion is the form of file that this code reads and writes.
	fileVersion = 1
	// checkpointPages is how many pages the log grows to before it is written
	// back. SQLite's 1,000 make a checkpoint of every few commits.
	checkpointPages = 8000
	// recentBytes is how much text of rows is remembered as they were written
	// last: who is updated again soon, as running jobs are, need not be read
	// before. In memory an item takes a few times its text.
	recentBytes = 16 << 20
	// notDatabase is SQLITE_NOTADB. https://www.sqlite.org/rescode.html
	notDatabase = 26
)

// Engine stores tables in one file. See [Open].
type Engine struct {
	path    string
	lock    *flock.Flock
	observe table.Observer
	readers chan *conn
	writer  *writer
	layouts atomic.Pointer[map[string]*layout]
	recent  *otter.Cache[rowKey, record] // rows as they were written last

	schemaChange sync.Mutex // held by who creates a table or an index
	sweeping     sync.WaitGroup
	closing      chan struct{}
	closed       sync.Once
}

// Option is a choice for [Open].
type Option func(*settings)

type settings struct {
	observe    table.Observer
	sweepEvery time.Duration
}

// Observe tells of every operation.
func Observe(o table.Observer) Option { return func(s *settings) { s.observe = o } }

// SweepEvery sets how often the records of all tables are gone through for
// those past their time to live; ten minutes by default, never if it is 0. They
// count as absent in any case: this gives their room back.
func SweepEvery(d time.Duration) Option { return func(s *settings) { s.sweepEvery = d } }

// Open opens the file, or makes it, and its folder. A file that another
// process has open, one of a newer version, or one that is not ours is an
// error that says so.
func Open(path string, opts ...Option) (*Engine, error) {
	s := settings{observe: func(table.Call) {}, sweepEvery: 10 * time.Minute}
	for _, opt := range opts {
		opt(&s)
	}
	e, err := open(path, s)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	return e, nil
}

func open(path string, s settings) (_ *Engine, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	e := &Engine{path: path, lock: flock.New(path + ".lock"), observe: s.observe, closing: make(chan struct{}),
		recent: otter.Must(&otter.Options[rowKey, record]{MaximumWeight: recentBytes, Weigher: weight})}
	locked, err := e.lock.TryLock()
	switch {
	case err != nil:
		return nil, err
	case !locked:
		return nil, errors.New("another process has it open")
	}
	defer func() {
		if err != nil {
			_ = e.lock.Unlock()
		}
	}()
	if err := makeFile(path); err != nil {
		return nil, err
	}
	if err := checkFile(path); err != nil {
		return nil, err
	}
	c, err := openWriter(path)
	if err != nil {
		return nil, err
	}
	layouts, err := makeCatalogue(c)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	e.layouts.Store(&layouts)
	e.readers = make(chan *conn, max(4, runtime.GOMAXPROCS(0)))
	for range cap(e.readers) {
		r, err := open1(path, "PRAGMA query_only = ON")
		if err != nil {
			return nil, errors.Join(err, e.closeReaders(len(e.readers)), c.close())
		}
		e.readers <- r
	}
	e.writer = startWriter(c, path)
	e.sweeping.Go(func() { e.sweep(s.sweepEvery) })
	return e, nil
}

// open1 opens a connection with what all of them need.
func open1(path string, statements ...string) (*conn, error) {
	return openConn(path, append([]string{"PRAGMA busy_timeout = 5000"}, statements...)...)
}

// openWriter opens the connection that writes. FULL makes each commit wait
// until the log is on disk; in WAL mode NORMAL does not.
func openWriter(path string) (*conn, error) {
	c, err := open1(path, "PRAGMA synchronous = FULL", "PRAGMA wal_autocheckpoint = "+strconv.Itoa(checkpointPages))
	if err != nil {
		return nil, err
	}
	mode, err := c.one("PRAGMA journal_mode = WAL")
	if err == nil && mode[0] != "wal" { // SQLite goes on without it
		err = errors.New("the file system can't do write-ahead logging: it has no shared memory")
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// makeFile makes an empty file if there is none, and tests that it can be
// written: SQLite would only read one that can't be.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// checkFile tests whose file it is, before anything is changed in it.
func checkFile(path string) error {
	c, err := open1(path)
	if err != nil {
		return err
	}
	var found [3]int64
	for i, question := range []string{"PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema"} {
		row, err := c.one(question)
		var refused *sqlite.Error
		if errors.As(err, &refused) && refused.Code() == notDatabase {
			err = errors.New("not a file of statusd: no database at all")
		}
		if err != nil {
			return errors.Join(err, c.close())
		}
		found[i] = row[0].(int64)
	}
	switch id, version, objects := found[0], found[1], found[2]; {
	case id == 0 && version == 0 && objects == 0: // new
	case id != applicationID:
		err = errors.New("not a file of statusd: another program made it")
	case version > fileVersion:
		err = fmt.Errorf("made by a newer statusd (version %d of the file; this one knows %d)", version, fileVersion)
	}
	return errors.Join(err, c.close())
}

// makeCatalogue marks the file as ours and reads what tables there are.
func makeCatalogue(c *conn) (map[string]*layout, error) {
	statements := append([]string{"BEGIN IMMEDIATE"}, catalogue...)
	statements = append(statements, fmt.Sprintf("PRAGMA application_id = %d", applicationID), stampVersion, "COMMIT")
	for _, s := range statements {
		if _, err := c.exec(s); err != nil {
			return nil, err
		}
	}
	return loadLayouts(c)
}

// stampVersion notes the version in the file. It is written each time, even if
// nothing changes by it.
var stampVersion = fmt.Sprintf("PRAGMA user_version = %d", fileVersion)

// Close waits for the writes that have begun, refuses others, and closes the
// file.
func (e *Engine) Close() error {
	var err error
	e.closed.Do(func() {
		close(e.closing)
		e.sweeping.Wait()
		err = errors.Join(e.writer.close(), e.closeReaders(cap(e.readers)), e.lock.Unlock())
	})
	return err
}

// closeReaders closes so many connections of the pool, as they come back.
func (e *Engine) closeReaders(n int) error {
	var errs []error
	for range n {
		errs = append(errs, (<-e.readers).close())
	}
	return errors.Join(errs...)
}

// read runs one short read on a connection of the pool.
func (e *Engine) read(ctx context.Context, doing func(c *conn) error) error {
	select {
	case <-e.closing:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	default:
	}
	select {
	case c := <-e.readers:
		defer func() { e.readers <- c }()
		return doing(c)
	case <-e.closing:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var errClosed = errors.New("the store is closed")

// call measures an operation, and translates what SQLite says of the disk.
func (e *Engine) call(operation string, s *table.Schema, doing func() error) error {
	began := time.Now()
	err := doing()
	if err != nil && !known(err) {
		err = &table.UnavailableError{Table: s.Table, Operation: operation, Cause: err}
	}
	e.observe(table.Call{Operation: operation, Table: s.Table, Duration: time.Since(began), Err: err})
	return err
}

// known tells whether an error is one of the table package's.
func known(err error) bool {
	var condition *table.ConditionError
	if errors.As(err, &condition) {
		return true
	}
	for _, kind := range []error{table.ErrUnavailable, table.ErrInvalid, table.ErrTooLarge, table.ErrSchema, table.ErrNotFound, table.ErrCorrupt} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// layout returns the table of a schema.
func (e *Engine) layout(s *table.Schema) (*layout, error) {
	l, ok := (*e.layouts.Load())[s.Table]
	if !ok {
		return nil, fmt.Errorf("there is no table %s", s.Table)
	}
	return l, nil
}
