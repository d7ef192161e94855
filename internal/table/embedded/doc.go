// Package embedded is a table engine on one SQLite file, for one machine
// without DynamoDB. It behaves as DynamoDB does, and what it acknowledges is
// on disk.
//
// Each table is an SQLite table: an item stands in its column `item` as the
// JSON that DynamoDB speaks, so that a person can read it in any sqlite3
// shell, and beside it each attribute that an index needs, in a column of its
// own.
package embedded
