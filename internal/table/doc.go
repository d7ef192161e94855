// Package table manages any one-key DynamoDB table from a Go struct.
//
// The struct's tags are the one declaration: attribute names, the partition
// key, indexes, categorical attributes, the version and the time to live. A
// [Table] checks what goes in and what comes out against that declaration, and
// an [Engine] (DynamoDB itself, or an embedded store that behaves alike) does
// the reading and writing.
//
// This package knows nothing of what its records mean, and engines know
// nothing of Go structs: between them passes one form only, the SDK's
// attribute values.
package table
