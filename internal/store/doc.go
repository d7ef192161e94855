// Package store keeps the status records of jobs in one table.
//
// It wraps a generic base table with what only statuses need: the merge rule
// under optimistic locking, lists over the table's indexes, and the one cache
// of last-seen records. It knows nothing of HTTP, and nothing of who waits.
package store
