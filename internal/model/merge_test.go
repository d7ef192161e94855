package model

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	start  = time.Date(2024, 2, 29, 23, 59, 59, 250e6, time.UTC)
	policy = Policy{Retention: 720 * time.Hour, AbandonAfter: 2160 * time.Hour}
)

// describe is all of a value as text, so that two are compared by what they
// hold and not by what they point to.
func describe(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// apply merges updates one after the other, a second apart.
func apply(t *testing.T, cur *Record, updates ...Update) *Record {
	t.Helper()
	at := start
	if cur != nil {
		at = cur.UpdatedAt
	}
	for _, u := range updates {
		_, err := u.Normalize()
		require.NoError(t, err)
		at = at.Add(time.Second)
		next, _ := Merge(cur, "job", u, at, policy)
		cur = &next
	}
	return cur
}

// What an update can do to a record, in short.
const (
	creates    = "created"
	retries    = "a new attempt"
	enters     = "a new status"
	beats      = "a heartbeat"
	nothing    = "unchanged"
	terminal   = "contradicts: terminal"
	superseded = "contradicts: superseded"
)

func TestEveryUpdateAgainstEveryRecord(t *testing.T) {
	t.Parallel()
	const attempt = 5
	const omitted, lower, same, higher = 0, attempt - 1, attempt, attempt + 1
	statuses := [4]Status{Started, InProgress, Success, Fail}
	for _, c := range []struct {
		record  Status // "" for none
		attempt int64  // of the update
		want    [4]string
	}{
		//                     started     in-progress success     fail
		{"", omitted, [4]string{creates, creates, creates, creates}},
		{"", same, [4]string{creates, creates, creates, creates}},

		{Started, omitted, [4]string{beats, enters, enters, enters}},
		{Started, lower, [4]string{superseded, superseded, superseded, superseded}},
		{Started, same, [4]string{beats, enters, enters, enters}},
		{Started, higher, [4]string{retries, retries, retries, retries}},

		{InProgress, omitted, [4]string{beats, beats, enters, enters}},
		{InProgress, lower, [4]string{superseded, superseded, superseded, superseded}},
		{InProgress, same, [4]string{beats, beats, enters, enters}},
		{InProgress, higher, [4]string{retries, retries, retries, retries}},

		{Success, omitted, [4]string{terminal, nothing, nothing, terminal}},
		{Success, lower, [4]string{superseded, superseded, superseded, superseded}},
		{Success, same, [4]string{nothing, nothing, nothing, terminal}},
		{Success, higher, [4]string{retries, retries, retries, retries}},

		{Fail, omitted, [4]string{terminal, nothing, terminal, nothing}},
		{Fail, lower, [4]string{superseded, superseded, superseded, superseded}},
		{Fail, same, [4]string{nothing, nothing, terminal, nothing}},
		{Fail, higher, [4]string{retries, retries, retries, retries}},
	} {
		for i, status := range statuses {
			t.Run(fmt.Sprintf("%s after %s attempt %d", status, c.record, c.attempt), func(t *testing.T) {
				t.Parallel()
				var cur *Record
				if c.record != "" {
					cur = apply(t, nil, Update{Status: c.record, Attempt: attempt})
				}
				next, outcome := Merge(cur, "job", Update{Status: status, Attempt: c.attempt}, start.Add(time.Hour), policy)
				require.Equal(t, c.want[i], short(cur, next, outcome))
				switch c.want[i] {
				case creates, retries:
					require.Equal(t, status, next.Status)
					require.Equal(t, max(c.attempt, 1), next.Attempt)
				case enters:
					require.Equal(t, status, next.Status)
					require.Equal(t, cur.Attempt, next.Attempt)
				case beats:
					require.Equal(t, c.record, next.Status)
					require.Equal(t, cur.History, next.History)
				default:
					require.Equal(t, *cur, next)
				}
			})
		}
	}
}

// short says what happened by what became of the record.
func short(cur *Record, next Record, o Outcome) string {
	switch {
	case o.Kind == Contradicts:
		return "contradicts: " + string(o.Reason)
	case o.Kind != Applied:
		return string(o.Kind)
	case next.Attempt != cur.Attempt:
		return retries
	case next.Status != cur.Status:
		return enters
	case next.Version == cur.Version+1 && next.UpdatedAt.After(cur.UpdatedAt):
		return beats
	}
	return "nothing that is known"
}

func TestTheFirstUpdateMakesTheRecord(t *testing.T) {
	t.Parallel()
	message, long := "hi", strings.Repeat("x", 1000)
	now := start.Add(999 * time.Microsecond).In(time.FixedZone("east", 3600))
	next, outcome := Merge(nil, "job", Update{
		Status: Fail, Progress: of(1, 2, "epoch"), Message: &message, Error: &Error{Code: "oom", Message: long},
		Metadata: map[string]string{"log": "x", "gone": ""}, Owner: "me", ReportEvery: 30,
	}, now, policy)
	require.Equal(t, Outcome{Kind: Created}, outcome)
	progress := of(1, 2, "epoch")
	progress.FirstCurrent, progress.FirstAt, progress.AdvancedAt = 1, start, start
	require.Equal(t, Record{
		RequestID: "job", Status: Fail, Timestamp: start, Attempt: 1, Version: start.UnixMilli(),
		Progress: progress, Message: "hi", Error: &Error{Code: "oom", Message: long},
		Metadata: map[string]string{"log": "x"}, Owner: "me", ReportEvery: 30,
		CreatedAt: start, UpdatedAt: start,
		History: []Entry{{
			Status: Fail, Attempt: 1, Timestamp: start, Message: "hi",
			Error: &Error{Code: "oom", Message: strings.Repeat("x", 253) + "…"},
		}},
		ExpiresAt: start.Add(policy.Retention).Unix() + 1,
	}, next)
}

func TestARecordPastItsTimeCountsAsNoneButItsVersionIsNotRepeated(t *testing.T) {
	t.Parallel()
	old := apply(t, nil, Update{Status: Success, Owner: "me", Attempt: 7, Metadata: map[string]string{"k": "v"}})
	old.Version = start.UnixMilli() * 2
	end := time.Unix(old.ExpiresAt, 0)
	require.False(t, old.Expired(end.Add(-1)))
	require.True(t, old.Expired(end))
	require.False(t, Record{}.Expired(end), "no time, no end")

	_, outcome := Merge(old, "job", Update{Status: Started, Owner: "you", Attempt: 3}, end.Add(-1), policy)
	require.Equal(t, ReasonOwner, outcome.Reason)

	next, outcome := Merge(old, "job", Update{Status: Started, Owner: "you", Attempt: 3}, end, policy)
	require.Equal(t, Outcome{Kind: Created}, outcome)
	require.Equal(t, old.Version+1, next.Version)
	next.Version = end.UnixMilli()
	fresh, _ := Merge(nil, "job", Update{Status: Started, Owner: "you", Attempt: 3}, end, policy)
	require.Equal(t, fresh, next)
}

func TestRecordsAreKeptByPolicy(t *testing.T) {
	t.Parallel()
	running, _ := Merge(nil, "job", Update{Status: Started}, start, policy)
	require.Equal(t, start.Add(policy.AbandonAfter).Unix()+1, running.ExpiresAt)
	beat, _ := Merge(&running, "job", Update{Status: Started}, start.Add(time.Hour), policy)
	require.Equal(t, running.ExpiresAt+3600, beat.ExpiresAt)
	over, _ := Merge(&beat, "job", Update{Status: Success}, start.Add(2*time.Hour), policy)
	require.Equal(t, start.Add(policy.Retention).Unix()+1+7200, over.ExpiresAt)
	filled, _ := Merge(&over, "job", Update{Status: Success, Owner: "me"}, start.Add(3*time.Hour), policy)
	require.Equal(t, "me", filled.Owner)
	require.Equal(t, over.ExpiresAt, filled.ExpiresAt, "it ended when it ended")
	again, _ := Merge(&over, "job", Update{Status: Started, Attempt: 2}, start.Add(3*time.Hour), policy)
	require.Equal(t, running.ExpiresAt+3*3600, again.ExpiresAt)

	for _, status := range []Status{Started, Success} {
		kept, _ := Merge(&running, "job", Update{Status: status}, start, Policy{})
		require.Zero(t, kept.ExpiresAt)
	}
	whole, _ := Merge(nil, "job", Update{Status: Started}, start.Truncate(time.Second), policy)
	require.Equal(t, start.Truncate(time.Second).Add(policy.AbandonAfter).Unix(), whole.ExpiresAt)
}

func TestANewAttemptStartsAnewAndKeepsWhatIsTheJobs(t *testing.T) {
	t.Parallel()
	message := "out of memory"
	old := apply(t, nil,
		Update{Status: Started, Owner: "me", ReportEvery: 30, Metadata: map[string]string{"a": "1", "b": "1"}},
		Update{Status: InProgress, Progress: of(9, 10, "epoch")},
		Update{Status: Fail, Message: &message, Error: &Error{Code: "oom"}},
	)
	next := apply(t, old, Update{Status: InProgress, Attempt: 4, Metadata: map[string]string{"b": "2"}})
	require.Nil(t, next.Progress)
	require.Empty(t, next.Message)
	require.Nil(t, next.Error)
	require.Equal(t, "me", next.Owner)
	require.EqualValues(t, 30, next.ReportEvery)
	require.Equal(t, map[string]string{"a": "1", "b": "2"}, next.Metadata)
	require.Equal(t, old.CreatedAt, next.CreatedAt)
	require.Equal(t, next.UpdatedAt, next.Timestamp)
	require.Equal(t, append(old.History[:3:3], Entry{Status: InProgress, Attempt: 4, Timestamp: next.Timestamp}), next.History)
	require.EqualValues(t, 5, next.NextAttempt())

	retried := apply(t, next, Update{Status: InProgress, Attempt: 5})
	require.Equal(t, retried.UpdatedAt, retried.Timestamp, "the status is entered again")
	require.Len(t, retried.History, 5)
}

func TestAHeartbeatReplacesWhatItGives(t *testing.T) {
	t.Parallel()
	first, none := "first", ""
	cur := apply(t, nil, Update{Status: InProgress, Message: &first, ReportEvery: 30, Progress: of(1, 10, "")})
	next := apply(t, cur, Update{Status: InProgress})
	require.Equal(t, "first", next.Message)
	require.EqualValues(t, 30, next.ReportEvery)
	require.Equal(t, cur.Progress, next.Progress)
	require.Equal(t, cur.Timestamp, next.Timestamp)

	next = apply(t, next, Update{Status: Started, Message: &none, ReportEvery: 60, Owner: "me", Progress: of(2, 10, "")})
	require.Equal(t, InProgress, next.Status)
	require.Empty(t, next.Message)
	require.EqualValues(t, 60, next.ReportEvery)
	require.Equal(t, "me", next.Owner)
	require.Equal(t, 2.0, next.Progress.Current)
	require.Equal(t, cur.History, next.History)
}

func TestTheFurtherProgressStandsWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		stands, report *Progress
		replaces       bool
	}{
		{"none is reported", of(1, 2, ""), nil, false},
		{"none stands", nil, of(1, 2, ""), true},
		{"higher", of(1, 9, ""), of(2, 3, ""), true},
		{"higher, without total", of(1, 9, ""), &Progress{Current: 2}, true},
		{"lower", of(2, 3, ""), of(1, 9, ""), false},
		{"same with higher total", of(1, 2, ""), of(1, 3, ""), true},
		{"same with lower total", of(1, 3, ""), of(1, 2, ""), false},
		{"same with a total at last", &Progress{Current: 1}, of(1, 2, ""), true},
		{"same without total", of(1, 2, ""), &Progress{Current: 1}, false},
		{"lower in another unit", of(5, 10, "epoch"), of(1, 2, "step"), true},
		{"without the unit", of(5, 10, "epoch"), of(1, 2, ""), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cur := apply(t, nil, Update{Status: InProgress, Progress: c.stands})
			for _, status := range []Status{InProgress, Fail} {
				next := apply(t, cur, Update{Status: status, Progress: c.report})
				if !c.replaces {
					require.Equal(t, cur.Progress, next.Progress)
					continue
				}
				got := *next.Progress
				require.Equal(t, *c.report, Progress{Current: got.Current, Total: got.Total, Unit: got.Unit})
			}
		})
	}
}

func TestMetadataIsMergedByKey(t *testing.T) {
	t.Parallel()
	cur := apply(t, nil, Update{Status: Started, Metadata: map[string]string{"a": "1", "b": "1", "c": "1"}})
	next := apply(t, cur, Update{Status: Started, Metadata: map[string]string{"b": "2", "c": "", "d": "", "e": "1"}})
	require.Equal(t, map[string]string{"a": "1", "b": "2", "e": "1"}, next.Metadata)
	next = apply(t, next, Update{Status: Started, Metadata: map[string]string{"a": "", "b": "", "e": ""}})
	require.Nil(t, next.Metadata, "no attribute is left empty")
}

func TestMetadataOver32KeysIsDroppedAndCounted(t *testing.T) {
	t.Parallel()
	keys := func(from, to int) map[string]string {
		m := make(map[string]string)
		for i := from; i < to; i++ {
			m[fmt.Sprintf("k%02d", i)] = "v"
		}
		return m
	}
	cur, outcome := Merge(nil, "job", Update{Status: Started, Metadata: keys(0, 40)}, start, policy)
	require.Equal(t, Outcome{Kind: Created, DroppedMetadata: 8}, outcome)
	require.Equal(t, keys(0, 32), cur.Metadata, "new keys come in by their order")

	more := keys(30, 34)
	more["k05"], more["k30"] = "", "new"
	next, outcome := Merge(&cur, "job", Update{Status: Started, Metadata: more}, start, policy)
	require.Equal(t, Outcome{Kind: Applied, DroppedMetadata: 1}, outcome)
	want := keys(0, 33)
	delete(want, "k05")
	want["k30"] = "new"
	require.Equal(t, want, next.Metadata, "a key removed leaves its place, old keys stay")

	over, _ := Merge(&next, "job", Update{Status: Success}, start, policy)
	_, outcome = Merge(&over, "job", Update{Status: Success, Metadata: map[string]string{"z": "1"}}, start, policy)
	require.Equal(t, Outcome{Kind: Unchanged, DroppedMetadata: 1}, outcome)
}

func TestTheSameEndAgainFillsWhatIsAbsent(t *testing.T) {
	t.Parallel()
	long, other, none := strings.Repeat("x", 300), "other", ""
	cur := apply(t, nil, Update{Status: Fail, Error: &Error{Code: "oom"}, Metadata: map[string]string{"a": "1"}})

	next := apply(t, cur, Update{
		Status: Fail, Message: &long, Error: &Error{Code: "killed", Message: long, ExitCode: new(int64(137))},
		Progress: of(1, 2, ""), Owner: "me", ReportEvery: 30, Metadata: map[string]string{"a": "2", "b": "2", "c": ""},
	})
	cutLong := strings.Repeat("x", 253) + "…"
	require.Equal(t, cur.Version+1, next.Version)
	require.Equal(t, cur.UpdatedAt.Add(time.Second), next.UpdatedAt)
	require.Equal(t, cur.Timestamp, next.Timestamp)
	require.Equal(t, long, next.Message)
	require.Equal(t, &Error{Code: "oom", Message: long, ExitCode: new(int64(137))}, next.Error)
	require.Equal(t, 1.0, next.Progress.Current)
	require.Equal(t, "me", next.Owner)
	require.EqualValues(t, 30, next.ReportEvery)
	require.Equal(t, map[string]string{"a": "1", "b": "2"}, next.Metadata)
	require.Equal(t, []Entry{{
		Status: Fail, Attempt: 1, Timestamp: cur.Timestamp, Message: cutLong,
		Error: &Error{Code: "oom", Message: cutLong, ExitCode: new(int64(137))},
	}}, next.History)

	for _, message := range []*string{nil, &none, &other} {
		again, outcome := Merge(next, "job", Update{
			Status: Fail, Message: message, Error: &Error{Code: "x", Message: "x", ExitCode: new(int64(1))},
			Progress: of(2, 2, ""), Owner: "me", ReportEvery: 60, Metadata: map[string]string{"a": "", "b": "3"},
		}, start.Add(time.Hour), policy)
		require.Equal(t, Outcome{Kind: Unchanged}, outcome)
		require.Equal(t, *next, again)
	}
}

func TestTheMessageOfAnEndIsInTheHistoryEvenIfTheRecordHasOneAlready(t *testing.T) {
	t.Parallel()
	running, late := "epoch 3", "out of memory"
	cur := apply(t, nil, Update{Status: InProgress, Message: &running}, Update{Status: Fail})
	require.Empty(t, cur.History[1].Message)
	next := apply(t, cur, Update{Status: Fail, Message: &late})
	require.Equal(t, running, next.Message)
	require.Equal(t, late, next.History[1].Message)
	require.Equal(t, running, next.History[0].Message)
}

func TestAnotherOwnerContradictsBeforeAllElse(t *testing.T) {
	t.Parallel()
	for _, status := range []Status{Started, InProgress, Success, Fail} {
		cur := apply(t, nil, Update{Status: status, Attempt: 5, Owner: "me"})
		for _, attempt := range []int64{0, 4, 5, 6} {
			for _, again := range []Status{Started, InProgress, Success, Fail} {
				_, outcome := Merge(cur, "job", Update{Status: again, Attempt: attempt, Owner: "you"}, start, policy)
				require.Equal(t, Outcome{Kind: Contradicts, Reason: ReasonOwner}, outcome)
			}
		}
		require.Empty(t, Allowed(*cur, Update{Attempt: 6, Owner: "you"}, start, policy))
		_, outcome := Merge(cur, "job", Update{Status: Started, Attempt: 6}, start, policy)
		require.Equal(t, Outcome{Kind: Applied}, outcome, "who names no owner contradicts none")
	}
}

func TestTimesStandStillWhenTheClockGoesBack(t *testing.T) {
	t.Parallel()
	cur, _ := Merge(nil, "job", Update{Status: Started}, start, policy)
	next, _ := Merge(&cur, "job", Update{Status: Fail}, start.Add(-time.Hour), policy)
	require.Equal(t, start, next.Timestamp)
	require.Equal(t, start, next.UpdatedAt)
	require.Equal(t, start, next.History[1].Timestamp)
	require.Equal(t, start.Add(policy.Retention).Unix()+1, next.ExpiresAt)
}

func TestTheHistoryKeepsItsNewest32Entries(t *testing.T) {
	t.Parallel()
	var cur *Record
	for attempt := range int64(20) {
		cur = apply(t, cur, Update{Status: Started, Attempt: attempt + 1}, Update{Status: Fail, Attempt: attempt + 1})
	}
	require.Len(t, cur.History, 32)
	require.EqualValues(t, 5, cur.History[0].Attempt)
	require.Equal(t, Started, cur.History[0].Status)
	require.EqualValues(t, 20, cur.History[31].Attempt)
}

func TestAllowedIsWhatTheCallerCouldSay(t *testing.T) {
	t.Parallel()
	running := apply(t, nil, Update{Status: InProgress, Attempt: 5})
	over := apply(t, running, Update{Status: Success, Attempt: 5})
	for _, c := range []struct {
		record  *Record
		attempt int64
		want    []Status
	}{
		{running, 0, []Status{Started, InProgress, Success, Fail}},
		{running, 4, []Status{}},
		{over, 0, []Status{InProgress, Success}},
		{over, 4, []Status{}},
		{over, 5, []Status{Started, InProgress, Success}},
		{over, 6, []Status{Started, InProgress, Success, Fail}},
	} {
		require.Equal(t, c.want, Allowed(*c.record, Update{Status: Fail, Attempt: c.attempt}, start, policy))
	}
}

func TestTimesAreWrittenSoThatTheySort(t *testing.T) {
	t.Parallel()
	require.Equal(t, "2024-02-29T23:59:59.250Z", FormatTime(start.In(time.FixedZone("west", -3600))))
	require.Equal(t, "2024-02-29T23:59:59.000Z", FormatTime(start.Truncate(time.Second)))
	require.Equal(t, "2024-02-29T23:59:59.250Z", FormatTime(start.Add(999*time.Microsecond)))
}
