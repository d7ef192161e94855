package model

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// consistent draws the updates of workers that agree with each other: attempts
// are named, and each has one unit and at most one end.
func consistent(t *rapid.T) []Update {
	var updates []Update
	for _, attempt := range rapid.SliceOfNDistinct(rapid.Int64Range(1, 9), 1, 4, rapid.ID).Draw(t, "attempts") {
		unit := rapid.SampledFrom([]string{"", "epoch", "%"}).Draw(t, "unit")
		statuses := []Status{Started, InProgress}
		if end := rapid.SampledFrom([]Status{"", Success, Fail}).Draw(t, "end"); end != "" {
			statuses = append(statuses, end)
		}
		for range rapid.IntRange(1, 5).Draw(t, "updates") {
			updates = append(updates, Update{
				Status:   rapid.SampledFrom(statuses).Draw(t, "status"),
				Attempt:  attempt,
				Progress: progress([]string{unit}).Draw(t, "progress"),
			})
		}
	}
	return updates
}

// progress draws some, or none, from so few numbers that many are equal.
func progress(units []string) *rapid.Generator[*Progress] {
	return rapid.Custom(func(t *rapid.T) *Progress {
		p := &Progress{
			Current: float64(rapid.IntRange(0, 4).Draw(t, "current")),
			Unit:    rapid.SampledFrom(units).Draw(t, "unit"),
		}
		switch total := rapid.IntRange(2, 6).Draw(t, "total"); total {
		case 2:
			return nil
		case 3: // none
		default:
			p.Total = new(float64(total))
		}
		return p
	})
}

func TestAnyOrderOfConsistentUpdatesEndsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		updates := consistent(t)

		// What the set says, in no order: of its last attempt, the latest
		// status and the furthest progress.
		var attempt int64
		for _, u := range updates {
			attempt = max(attempt, u.Attempt)
		}
		var status Status
		var furthest *Progress
		for _, u := range updates {
			if u.Attempt != attempt {
				continue
			}
			if status == "" || status.later(u.Status) {
				status = u.Status
			}
			if u.Progress != nil && (furthest == nil || u.Progress.beyond(furthest)) {
				furthest = u.Progress
			}
		}

		again := rapid.SliceOf(rapid.SampledFrom(updates)).Draw(t, "again")
		order := rapid.Permutation(slices.Concat(updates, again)).Draw(t, "order")
		var cur *Record
		for _, u := range order {
			now := start.Add(time.Duration(rapid.IntRange(-5000, 5000).Draw(t, "now")) * time.Millisecond)
			cur = wished(t, cur, now, policy)
			next, _ := Merge(cur, "job", u, now, policy)
			cur = &next
		}
		require.Equal(t, attempt, cur.Attempt)
		require.Equal(t, status, cur.Status)
		if status.Terminal() {
			return
		}
		if furthest == nil {
			require.Nil(t, cur.Progress)
			return
		}
		require.Equal(t, *furthest, Progress{Current: cur.Progress.Current, Total: cur.Progress.Total, Unit: cur.Progress.Unit})
	})
}

// anyUpdate draws from so little that updates often touch the same things.
var anyUpdate = rapid.Custom(func(t *rapid.T) Update {
	texts := rapid.SampledFrom([]string{"", "a", "b", string(make([]byte, 300))})
	u := Update{
		Status:      rapid.SampledFrom([]Status{Started, InProgress, Success, Fail}).Draw(t, "status"),
		Attempt:     rapid.Int64Range(0, 4).Draw(t, "attempt"),
		Progress:    progress([]string{"", "epoch"}).Draw(t, "progress"),
		Message:     rapid.Ptr(texts, true).Draw(t, "message"),
		Owner:       rapid.SampledFrom([]string{"", "", "", "me", "you"}).Draw(t, "owner"),
		ReportEvery: rapid.Int64Range(0, 2).Draw(t, "report_every"),
	}
	if u.Status == Fail {
		u.Error = rapid.Ptr(rapid.Custom(func(t *rapid.T) Error {
			return Error{
				Code:     texts.Draw(t, "code"),
				Message:  texts.Draw(t, "message"),
				ExitCode: rapid.Ptr(rapid.Int64Range(0, 2), true).Draw(t, "exit_code"),
			}
		}), true).Draw(t, "error")
	}
	most := rapid.SampledFrom([]int{0, 3, 36}).Draw(t, "most metadata")
	u.Metadata = rapid.MapOfN(rapid.StringMatching(`[a-d][0-9]`), rapid.SampledFrom([]string{"", "1", "2"}), 0, most).Draw(t, "metadata")
	if _, err := u.Normalize(); err != nil {
		t.Fatal(err)
	}
	return u
})

// wished is the record, perhaps after somebody asked that its attempt be
// stopped: that changes nothing else, and only while it runs.
func wished(t *rapid.T, cur *Record, now time.Time, p Policy) *Record {
	if cur == nil || rapid.IntRange(0, 3).Draw(t, "cancel") > 0 {
		return cur
	}
	asked, outcome := Merge(cur, "job", Update{Cancel: &Cancel{Reason: "x"}}, now, p)
	if outcome.Kind != Applied {
		require.True(t, cur.Expired(now) || cur.Status.Terminal() || !cur.CancelRequestedAt.IsZero())
		return cur
	}
	require.False(t, asked.CancelRequestedAt.Before(cur.UpdatedAt))
	same := asked
	same.Version, same.CancelRequestedAt, same.CancelReason = cur.Version, cur.CancelRequestedAt, cur.CancelReason
	require.Equal(t, describe(cur), describe(&same))
	require.Equal(t, cur.Version+1, asked.Version)
	return &asked
}

// merged is one step in the life of a record.
type merged struct {
	before  *Record // nil for none; perhaps past its time
	update  Update
	now     time.Time
	policy  Policy
	after   Record
	outcome Outcome
}

// fresh tells whether the step began with none, or with one past its time.
func (m merged) fresh() bool { return m.before == nil || m.before.Expired(m.now) }

// lives checks something at each step of a life in which anything may happen:
// attempts left out, units and totals that change, an update that is sent
// again though it arrived, clocks that jump, records that end.
func lives(t *testing.T, check func(t *rapid.T, m merged)) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var cur *Record
		var sent []Update
		now := start
		p := Policy{
			Retention:    rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(t, "retention"),
			AbandonAfter: rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(t, "abandon after"),
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			u := anyUpdate.Draw(t, "update")
			if len(sent) > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
				u = rapid.SampledFrom(sent).Draw(t, "sent")
			}
			sent = append(sent, u)
			now = now.Add(time.Duration(rapid.IntRange(-2000, 2500).Draw(t, "ms")) * time.Millisecond)
			cur = wished(t, cur, now, p)
			next, outcome := Merge(cur, "job", u, now, p)
			check(t, merged{cur, u, now, p, next, outcome})
			cur = &next
		}
	})
}

func TestTheVersionGrowsWithEveryWriteAndWithNothingElse(t *testing.T) {
	lives(t, func(t *rapid.T, m merged) {
		switch m.outcome.Kind {
		case Created:
			require.True(t, m.fresh())
			require.GreaterOrEqual(t, m.after.Version, m.now.UnixMilli())
			if m.before != nil {
				require.Greater(t, m.after.Version, m.before.Version)
			}
		case Applied:
			require.False(t, m.fresh())
			require.Equal(t, m.before.Version+1, m.after.Version)
		default:
			require.False(t, m.fresh())
			require.Equal(t, describe(m.before), describe(m.after), "the record is as it was")
		}
	})
}

func TestTimesNeverGoBack(t *testing.T) {
	lives(t, func(t *rapid.T, m merged) {
		require.False(t, m.after.Timestamp.Before(m.after.CreatedAt))
		require.False(t, m.after.UpdatedAt.Before(m.after.Timestamp))
		for i, entry := range m.after.History[1:] {
			require.False(t, entry.Timestamp.Before(m.after.History[i].Timestamp))
		}
		if p := m.after.Progress; p != nil {
			require.False(t, p.FirstAt.Before(m.after.CreatedAt))
			require.False(t, p.AdvancedAt.Before(p.FirstAt))
			require.False(t, m.after.UpdatedAt.Before(p.AdvancedAt))
		}
		if m.fresh() {
			return
		}
		require.Equal(t, m.before.CreatedAt, m.after.CreatedAt)
		require.False(t, m.after.Timestamp.Before(m.before.Timestamp))
		require.False(t, m.after.UpdatedAt.Before(m.before.UpdatedAt))
	})
}

func TestTheHistoryHasNoEqualNeighboursAndEndsWithTheStatus(t *testing.T) {
	lives(t, func(t *rapid.T, m merged) {
		history := m.after.History
		require.LessOrEqual(t, len(history), 32)
		for i := range history[1:] {
			a, b := history[i], history[i+1]
			require.False(t, a.Status == b.Status && a.Attempt == b.Attempt)
		}
		last := history[len(history)-1]
		require.Equal(t, m.after.Status, last.Status)
		require.Equal(t, m.after.Attempt, last.Attempt)
		require.Equal(t, m.after.Timestamp, last.Timestamp)
		for _, entry := range history {
			require.LessOrEqual(t, len(entry.Message), 256)
			require.True(t, entry.Error == nil || len(entry.Error.Message) <= 256)
		}
	})
}

func TestAttemptsNeverGoBackNorStatusesWithinOne(t *testing.T) {
	lives(t, func(t *rapid.T, m merged) {
		if m.fresh() {
			return
		}
		require.GreaterOrEqual(t, m.after.Attempt, m.before.Attempt)
		if m.after.Attempt == m.before.Attempt && m.after.Status != m.before.Status {
			require.False(t, m.before.Status.Terminal())
			require.NotEqual(t, Started, m.after.Status)
		}
	})
}

func TestAnEndIsFilledButNotRewritten(t *testing.T) {
	lives(t, func(t *rapid.T, m merged) {
		if m.fresh() || !m.before.Status.Terminal() || m.after.Attempt != m.before.Attempt {
			return
		}
		before, after := m.before, m.after
		require.Equal(t, before.Timestamp, after.Timestamp)
		require.Equal(t, before.ExpiresAt, after.ExpiresAt)
		require.Len(t, after.History, len(before.History))
		for key, value := range before.Metadata {
			require.Equal(t, value, after.Metadata[key])
		}
		require.Contains(t, []string{"", after.Message}, before.Message)
		require.Contains(t, []string{"", after.Owner}, before.Owner)
		require.Contains(t, []int64{0, after.ReportEvery}, before.ReportEvery)
		require.Contains(t, []*Progress{nil, after.Progress}, before.Progress)
		if before.Error != nil {
			require.Contains(t, []string{"", after.Error.Code}, before.Error.Code)
			require.Contains(t, []string{"", after.Error.Message}, before.Error.Message)
			require.Contains(t, []*int64{nil, after.Error.ExitCode}, before.Error.ExitCode)
		}
	})
}

func TestAnUpdateSentTwiceChangesNoMoreThanAHeartbeat(t *testing.T) {
	lives(t, func(t *rapid.T, m merged) {
		again, outcome := Merge(&m.after, "job", m.update, m.now, m.policy)
		beat := m.after
		switch m.outcome.Kind {
		case Created, Applied:
			if m.after.Status.Terminal() {
				require.Equal(t, Unchanged, outcome.Kind)
				break
			}
			require.Equal(t, Applied, outcome.Kind)
			beat.Version, beat.UpdatedAt, beat.ExpiresAt = again.Version, again.UpdatedAt, again.ExpiresAt
		default:
			require.Equal(t, m.outcome, outcome)
		}
		require.Equal(t, describe(beat), describe(again))
	})
}

func TestMergeLeavesItsInputsAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var records []Record
		var updates []Update
		var were []string
		var cur *Record
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			u := anyUpdate.Draw(t, "update")
			next, _ := Merge(cur, "job", u, start, policy)
			records, updates = append(records, next), append(updates, u)
			were = append(were, describe(next)+describe(u))
			// Many may merge into one record, as retries do.
			cur = &records[rapid.IntRange(0, len(records)-1).Draw(t, "into")]
		}
		for i := range were {
			require.Equal(t, were[i], describe(records[i])+describe(updates[i]))
		}
	})
}

func TestMetadataHasNoEmptyValueAndAtMost32Keys(t *testing.T) {
	lives(t, func(t *rapid.T, m merged) {
		require.LessOrEqual(t, len(m.after.Metadata), 32)
		require.NotContains(t, slices.Collect(maps.Values(m.after.Metadata)), "")
		if m.outcome.DroppedMetadata > 0 {
			require.Len(t, m.after.Metadata, 32)
		}
		if m.outcome.Kind == Created || m.outcome.Kind == Applied {
			lost := 0
			for key, value := range m.update.Metadata {
				if _, there := m.after.Metadata[key]; value != "" && !there {
					lost++
				}
			}
			require.Equal(t, lost, m.outcome.DroppedMetadata)
		}
	})
}

func TestAllowedAgreesWithMerge(t *testing.T) {
	lives(t, func(t *rapid.T, m merged) {
		if m.before == nil {
			return
		}
		allowed := Allowed(*m.before, m.update, m.now, m.policy)
		require.Equal(t, m.outcome.Kind != Contradicts, slices.Contains(allowed, m.update.Status), fmt.Sprint(allowed))
	})
}

func TestAnErrorGoesWithFailOnly(t *testing.T) {
	lives(t, func(t *rapid.T, m merged) {
		require.True(t, m.after.Error == nil || m.after.Status == Fail)
	})
}

func TestARecordIsKeptByItsStatus(t *testing.T) {
	lives(t, func(t *rapid.T, m merged) {
		from, keep := m.after.UpdatedAt, m.policy.AbandonAfter
		if m.after.Status.Terminal() {
			from, keep = m.after.Timestamp, m.policy.Retention
		}
		if keep == 0 {
			require.Zero(t, m.after.ExpiresAt)
			return
		}
		end := time.Unix(m.after.ExpiresAt, 0)
		require.False(t, end.Before(from.Add(keep)))
		require.True(t, end.Before(from.Add(keep+time.Second)))
	})
}
