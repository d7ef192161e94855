package embedded

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
)

// nested is a text within so many maps or lists.
func nested(levels int, list bool) types.AttributeValue {
	av := text("x")
	for range levels {
		if list {
			av = &types.AttributeValueMemberL{Value: []types.AttributeValue{av}}
		} else {
			av = &types.AttributeValueMemberM{Value: table.Item{"a": av}}
		}
	}
	return av
}

func TestWhatDynamoDBRefusesIsRefused(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	for name, av := range map[string]types.AttributeValue{
		"nothing":                nil,
		"a kind that is unknown": &types.UnknownUnionMember{Tag: "X"},
		"a NULL of false":        &types.AttributeValueMemberNULL{},
		"no number":              &types.AttributeValueMemberN{Value: "one"},
		"an empty set":           &types.AttributeValueMemberSS{},
		"a set of twins":         &types.AttributeValueMemberNS{Value: []string{"1", "1.0"}},
		"maps too deep":          nested(32, false),
		"lists too deep":         nested(32, true),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := table.Put{Item: table.Item{"id": text(name), "given": av}, Now: time.Now()}
			err := e.Put(context.Background(), jobs(), w)
			var invalid *table.InvalidError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, "given", invalid.Problems[0].Attribute)
		})
	}
}

func TestTheDeepestThatIsTakenCanBeReadAgain(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	item := table.Item{"maps": nested(31, false), "lists": nested(31, true)}
	put(t, e, "a", item)
	require.Equal(t, item["maps"], get(t, e, "a")["maps"])
	require.Equal(t, item["lists"], get(t, e, "a")["lists"])
}

func TestTextThatIsNotUTF8IsOneKeyHoweverItIsGiven(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	put(t, e, "a\xff", table.Item{"owner": text("b\xff"), "state": text("s\xff"), "at": number(1)})
	require.Equal(t, text("b\ufffd"), get(t, e, "a\ufffd")["owner"])
	require.NotNil(t, get(t, e, "a\xff"))
	page, err := e.Query(t.Context(), jobs(), table.Query{Index: jobs().Indexes[0], Hash: text("s\xff"), Limit: 1})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
}

// An index may come after records that it can't hold. DynamoDB leaves them out
// of it, and refuses only what an update itself would put there.
func TestWhatAnIndexCannotHoldStaysUnlessItIsWrittenAnew(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	owners := map[string]types.AttributeValue{
		"another type": number(1), "empty": text(""), "too long": text(strings.Repeat("x", 3000)), "fitting": text("team"),
	}
	for id, owner := range owners {
		put(t, e, id, table.Item{"owner": owner})
	}
	index := table.Index{Name: "by_owner", Hash: "owner", Projection: table.ProjectAll}
	require.NoError(t, e.CreateIndex(t.Context(), jobs(), index))
	for id, owner := range owners {
		after, err := e.Update(t.Context(), jobs(), bump(id, 1))
		require.NoError(t, err, id)
		require.Equal(t, owner, after["owner"])
		page, err := e.Query(t.Context(), jobs(), table.Query{Index: index, Hash: text("team"), Limit: 9})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)

		u := bump(id, 2)
		u.Set["owner"] = owner
		_, err = e.Update(t.Context(), jobs(), u)
		switch id {
		case "fitting":
			require.NoError(t, err)
		case "too long":
			require.ErrorIs(t, err, table.ErrTooLarge)
		default:
			require.ErrorIs(t, err, table.ErrInvalid)
		}
	}
}

func TestAnItemTooLargeIsRefusedBeforeItsConditions(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	put(t, e, "a", nil)
	large := text(strings.Repeat("x", itemMost))
	err := e.Put(t.Context(), jobs(), table.Put{Item: table.Item{"id": text("a"), "fill": large}, Now: time.Now()})
	require.ErrorIs(t, err, table.ErrTooLarge)
	require.ErrorContains(t, err, fmt.Sprint(itemMost))

	// What an update makes of an item is known only once its conditions hold.
	u := bump("a", 7)
	u.Set["fill"] = large
	_, err = e.Update(t.Context(), jobs(), u)
	var failed *table.ConditionError
	require.ErrorAs(t, err, &failed)
	u = bump("a", 1)
	u.Set["fill"] = large
	_, err = e.Update(t.Context(), jobs(), u)
	require.ErrorIs(t, err, table.ErrTooLarge)
}

func TestAQueryFromNowhereIsInvalid(t *testing.T) {
	t.Parallel()
	e, _ := newEngine(t)
	query := func(change func(q *table.Query)) error {
		q := table.Query{Index: jobs().Indexes[0], Hash: text("new"), Limit: 1}
		change(&q)
		_, err := e.Query(context.Background(), jobs(), q)
		return err
	}
	at := func(id, rng types.AttributeValue) table.Item {
		return table.Item{"state": text("new"), "id": id, "at": rng}
	}
	require.NoError(t, query(func(q *table.Query) { q.After, q.From = at(text("a"), number(1)), number(2) }))
	for what, change := range map[string]func(*table.Query){
		"hash of another type":  func(q *table.Query) { q.Hash = number(1) },
		"range of another type": func(q *table.Query) { q.From = text("1") },
		"start without range":   func(q *table.Query) { q.After = table.Item{"id": text("a")} },
		"start without key":     func(q *table.Query) { q.After = at(nil, number(1)) },
		"start of another type": func(q *table.Query) { q.After = at(text("a"), text("1")) },
	} {
		require.ErrorIs(t, query(change), table.ErrInvalid, what)
	}
}

// What an engine is given stays the caller's.
func TestARecordThatAnotherProgramSpoiltIsCorrupt(t *testing.T) {
	t.Parallel()
	for what, stored := range map[string]any{"no JSON": "{", "a BLOB": []byte(`{"id":{"S":"a"}}`)} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			e, _ := newEngine(t)
			put(t, e, "a", table.Item{"ends": number(1)})
			require.NoError(t, e.writer.do(t.Context(), &operation{run: func(c *conn) error {
				_, err := c.exec("UPDATE jobs SET item = ?", stored)
				return err
			}}))
			corrupt := func(err error) {
				t.Helper()
				var found *table.CorruptError
				require.ErrorAs(t, err, &found)
				require.Equal(t, "a", found.Key)
			}
			_, err := e.Get(t.Context(), jobs(), text("a"), true)
			corrupt(err)
			_, err = e.Scan(t.Context(), jobs(), nil)
			corrupt(err)
			_, err = e.Update(t.Context(), jobs(), bump("a", 1))
			corrupt(err)
			l, err := e.layout(jobs())
			require.NoError(t, err)
			require.NoError(t, e.sweepTable(l))
			require.Equal(t, int64(1), rows(t, e), "what can't be read is not removed")
			index := table.Index{Name: "by_owner", Hash: "owner", Projection: table.ProjectAll}
			require.NoError(t, e.CreateIndex(t.Context(), jobs(), index), "nor does it stand in an index's way")
			require.NoError(t, e.Ping(t.Context(), jobs()))
		})
	}
}
