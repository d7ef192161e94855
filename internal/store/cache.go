package store

import (
	"time"

	"github.com/maypok86/otter/v2"
)

// cacheBytes bounds the memory of last-seen records.
const cacheBytes = 64 << 20

// entry is what this replica last saw of a job.
type entry struct {
	// snapshot is the last record, also after it was deleted: the next one's
	// version must be higher. Nil if none was ever seen.
	snapshot *Snapshot
	absent   bool
	asOf     time.Time // it was so at this instant, or later
}

// cache is the one cache of last-seen records. Every entry is a guess: writes
// are conditioned on it, reads state how old it may be.
type cache struct {
	stripes *striped
	entries *otter.Cache[string, entry]
}

func newCache(s *striped) *cache {
	return &cache{s, otter.Must(&otter.Options[string, entry]{
		MaximumWeight: cacheBytes,
		Weigher:       func(id string, e entry) uint32 { return uint32(len(id)) + e.weight() },
	})}
}

// weight estimates the bytes that an entry holds on to: its texts, and as much
// again for their encoded form.
func (e entry) weight() uint32 {
	if e.snapshot == nil {
		return 256
	}
	r := &e.snapshot.Record
	size := len(r.Message) + len(r.Owner)
	if r.Error != nil {
		size += len(r.Error.Code) + len(r.Error.Message)
	}
	for key, value := range r.Metadata {
		size += len(key) + len(value) + 64
	}
	for _, h := range r.History {
		size += 128 + len(h.Message)
		if h.Error != nil {
			size += len(h.Error.Code) + len(h.Error.Message) + 64
		}
	}
	return uint32(1024 + 2*size)
}

func (c *cache) get(id string) (entry, bool) { return c.entries.GetIfPresent(id) }

// reading notes that a read of the store begins, and returns how to offer what
// it finds. The offer is turned down if a write has ended meanwhile, or if the
// cache holds what a later read found. It returns what was found, in the form
// that is held already if that is of the same write.
func (c *cache) reading(id string, began time.Time) (offer func(found *Snapshot) *Snapshot) {
	stripe := c.stripes.of(id)
	stripe.mu.Lock()
	generation := stripe.generation
	stripe.mu.Unlock()
	return func(found *Snapshot) *Snapshot {
		stripe.mu.Lock()
		defer stripe.mu.Unlock()
		held, known := c.get(id)
		if known && found != nil && held.snapshot.same(found) {
			found = held.snapshot // its encoded form is kept
		}
		later := known && held.asOf.After(began) && (found == nil || found.Version <= held.version())
		if stripe.generation == generation && !later {
			c.put(id, found, began)
		}
		return found
	}
}

// wrote keeps the outcome of a write that began at that instant; nil is a
// delete.
func (c *cache) wrote(id string, written *Snapshot, began time.Time) {
	stripe := c.stripes.of(id)
	stripe.mu.Lock()
	defer stripe.mu.Unlock()
	stripe.generation++
	c.put(id, written, began)
}

// forget drops what may have been overtaken by a write of unknown outcome.
func (c *cache) forget(id string) {
	stripe := c.stripes.of(id)
	stripe.mu.Lock()
	defer stripe.mu.Unlock()
	stripe.generation++
	c.entries.Invalidate(id)
}

// put needs the stripe's mu.
func (c *cache) put(id string, found *Snapshot, asOf time.Time) {
	e := entry{snapshot: found, asOf: asOf}
	if found == nil {
		held, _ := c.get(id)
		e.snapshot, e.absent = held.snapshot, true
	}
	c.entries.Set(id, e)
}

// record is the job's record, nil if it was deleted or never there.
func (e entry) record() *Snapshot {
	if e.absent {
		return nil
	}
	return e.snapshot
}

func (e entry) version() int64 {
	if e.snapshot == nil {
		return 0
	}
	return e.snapshot.Version
}

// same tells whether two snapshots are of one write.
func (s *Snapshot) same(o *Snapshot) bool {
	return s != nil && s.WriteID != "" && s.WriteID == o.WriteID && s.Version == o.Version
}
