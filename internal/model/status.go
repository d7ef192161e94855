package model

import "strings"

// Status is where a job stands. Its text is also its form on the wire and in
// the store.
type Status string

// The statuses, in the order of a job's life. It ends in one of the last two.
const (
	Started    Status = "started"
	InProgress Status = "in-progress"
	Success    Status = "success"
	Fail       Status = "fail"
)

// Values returns the text of every status, in the order of a job's life.
func (Status) Values() []string {
	return []string{string(Started), string(InProgress), string(Success), string(Fail)}
}

// Terminal tells whether a job with this status is over.
func (s Status) Terminal() bool { return s == Success || s == Fail }

// ParseStatus reads a status as people and programs write it: in any case,
// with a dash, an underscore, a space or nothing between words. FAILED is what
// older writers store for fail.
func ParseStatus(text string) (Status, bool) {
	switch strings.ToLower(text) {
	case "started":
		return Started, true
	case "in-progress", "in_progress", "in progress", "inprogress":
		return InProgress, true
	case "success":
		return Success, true
	case "fail", "failed":
		return Fail, true
	}
	return "", false
}

// later tells whether a job goes from s on to next. Steps may be skipped.
func (s Status) later(next Status) bool {
	return !s.Terminal() && (next.Terminal() || s == Started && next == InProgress)
}
