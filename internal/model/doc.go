// Package model is what statusd is about: the record of a job, the updates
// that workers send, and the rule that merges one into the other.
//
// All of it is pure. Whoever needs the time passes it in; nothing here reads,
// writes or waits, and nothing knows of HTTP. The dynamodbav and table tags of
// [Record] declare its stored form, for the store to read.
package model
