package dynamo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/dynamotest"
	"github.com/statusd/statusd/internal/table"
)

func TestAStoreThatThrottlesOrIsAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		fault     dynamotest.Fault
		uncertain bool
	}{
		{"throttled", dynamotest.Throttle, false},
		{"throttled with its account", dynamotest.ThrottleCalls, false},
		{"its own failure", dynamotest.ServerError, true},
		{"a cut connection", dynamotest.Refuse, true},
		{"a lost answer of a write that was refused", dynamotest.LoseAnswer, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, proxy, s := newEngine(t)
			put(t, e, s, "a")
			proxy.Fail("UpdateItem", 100, c.fault)
			proxy.Counts()
			_, err := e.Update(t.Context(), s, bump("a", 7))
			var away *table.UnavailableError
			require.ErrorAs(t, err, &away)
			require.Equal(t, c.uncertain, away.Uncertain)
			require.Error(t, away.Cause)
			require.Equal(t, attempts, proxy.Counts()["UpdateItem"])

			proxy.Fail("GetItem", 100, c.fault)
			_, err = e.Get(t.Context(), s, text("a"), true)
			require.ErrorAs(t, err, &away)
			require.False(t, away.Uncertain, "a read changes nothing")
		})
	}
}

func TestAPassingFaultIsTriedAgain(t *testing.T) {
	t.Parallel()
	e, proxy, s := newEngine(t)
	put(t, e, s, "a")
	for _, fault := range []dynamotest.Fault{dynamotest.Throttle, dynamotest.ServerError, dynamotest.Refuse} {
		proxy.Fail("GetItem", 2, fault)
		item, err := e.Get(t.Context(), s, text("a"), true)
		require.NoError(t, err)
		require.Equal(t, number(1), item["version"])
	}
}

func TestNobodyListeningIsCertain(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	e := New(NewClient(dynamotest.Config(t), "http://"+l.Addr().String()))
	err = e.Put(t.Context(), jobs("jobs"), table.Put{Item: table.Item{"id": text("a")}, Now: noon})
	var away *table.UnavailableError
	require.ErrorAs(t, err, &away)
	require.False(t, away.Uncertain)
	require.ErrorContains(t, err, "refused")
}

func TestALostAnswerOfAWriteComesBackAsTheRecordThatItLeft(t *testing.T) {
	t.Parallel()
	e, proxy, s := newEngine(t)
	put(t, e, s, "a")
	proxy.Fail("UpdateItem", 1, dynamotest.LoseAnswer)
	_, err := e.Update(t.Context(), s, bump("a", 1))
	var failed *table.ConditionError
	require.ErrorAs(t, err, &failed, "the second attempt meets the first one's record")
	require.Equal(t, number(2), failed.Found["version"])
}

func TestADeleteWhoseAnswerWasLostIsUncertain(t *testing.T) {
	t.Parallel()
	e, proxy, s := newEngine(t)
	for name, c := range map[string]struct {
		checks []table.Check
		sent   int
	}{
		"with a condition":                         {[]table.Check{{Attribute: "version", Op: table.OpEquals, Value: number(1)}}, 2},
		"without: another could remove a new item": {nil, 1},
	} {
		put(t, e, s, "a")
		proxy.Fail("DeleteItem", 1, dynamotest.LoseAnswer)
		proxy.Counts()
		_, err := e.Delete(t.Context(), s, table.Delete{Key: text("a"), Now: noon, If: c.checks})
		var away *table.UnavailableError
		require.ErrorAs(t, err, &away, name)
		require.True(t, away.Uncertain, name)
		require.Equal(t, c.sent, proxy.Counts()["DeleteItem"], name)
	}
}

func TestADeleteThatWasRefusedIsTriedAgainAndNotInDoubt(t *testing.T) {
	t.Parallel()
	e, proxy, s := newEngine(t)
	put(t, e, s, "a")
	proxy.Fail("DeleteItem", 1, dynamotest.Throttle)
	_, err := e.Delete(t.Context(), s, table.Delete{Key: text("a"), Now: noon})
	require.NoError(t, err)
	proxy.Fail("DeleteItem", 1, dynamotest.Throttle)
	_, err = e.Delete(t.Context(), s, table.Delete{Key: text("a"), Now: noon})
	var failed *table.ConditionError
	require.ErrorAs(t, err, &failed)
	require.Nil(t, failed.Found)
}

func TestAnUpdateWhoseAnswerWasLostIsUncertainIfNothingIsFound(t *testing.T) {
	t.Parallel()
	e, proxy, s := newEngine(t)
	proxy.Fail("UpdateItem", 1, dynamotest.LoseAnswer)
	_, err := e.Update(t.Context(), s, bump("a", 1))
	var away *table.UnavailableError
	require.ErrorAs(t, err, &away, "somebody may have deleted it since")
	require.True(t, away.Uncertain)
}

func TestMissingRightsAreNotTriedAgain(t *testing.T) {
	t.Parallel()
	e, proxy, s := newEngine(t)
	proxy.Fail("PutItem", 1, dynamotest.Deny)
	err := e.Put(t.Context(), s, table.Put{Item: table.Item{"id": text("a")}, Now: noon})
	var away *table.UnavailableError
	require.ErrorAs(t, err, &away)
	require.False(t, away.Uncertain)
	require.ErrorContains(t, err, "AccessDeniedException")
	require.Equal(t, 1, proxy.Counts()["PutItem"])
}

func TestMissingCredentialsAreSaidToBe(t *testing.T) {
	t.Parallel()
	errNone := errors.New("nobody is logged in")
	c := dynamotest.Config(t)
	c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errNone })
	e := New(NewClient(c, "http://127.0.0.1:1"))
	err := e.Put(t.Context(), jobs("jobs"), table.Put{Item: table.Item{"id": text("a")}, Now: noon})
	var away *table.UnavailableError
	require.ErrorAs(t, err, &away)
	require.False(t, away.Uncertain)
	require.ErrorIs(t, err, errNone)
}

func TestHalfAnAnswerIsNoAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"Attributes": `))
	}))
	defer server.Close()
	e := New(NewClient(dynamotest.Config(t), server.URL))
	err := e.Put(t.Context(), jobs("jobs"), table.Put{Item: table.Item{"id": text("a")}, Now: noon})
	var away *table.UnavailableError
	require.ErrorAs(t, err, &away)
	require.True(t, away.Uncertain)
}

func TestRetriesStayWithinTheDeadline(t *testing.T) {
	t.Parallel()
	e, proxy, s := newEngine(t)
	put(t, e, s, "a")
	proxy.Delay("UpdateItem", time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := e.Update(ctx, s, bump("a", 1))
	require.Less(t, time.Since(began), 5*time.Second)
	var away *table.UnavailableError
	require.ErrorAs(t, err, &away)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.True(t, away.Uncertain)
}

func TestKeysThatWereLeftForLaterAreAskedForAgain(t *testing.T) {
	t.Parallel()
	e, proxy, s := newEngine(t)
	var keys []types.AttributeValue
	for i := range 150 {
		id := fmt.Sprint(i)
		put(t, e, s, id)
		keys = append(keys, text(id))
	}
	proxy.Unprocessed(3)
	proxy.Counts()
	items, err := e.BatchGet(t.Context(), s, keys, true)
	require.NoError(t, err)
	require.Len(t, items, 150)
	require.Equal(t, map[string]int{"BatchGetItem": 5}, proxy.Counts(), "two chunks, and the three that were short")

	proxy.Unprocessed(1_000_000)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = e.BatchGet(ctx, s, keys[:1], true)
	require.ErrorIs(t, err, table.ErrUnavailable)
}

func TestTheObserverIsToldTheConsumedCapacity(t *testing.T) {
	t.Parallel()
	var calls []table.Call
	e, _, s := newEngine(t, Observe(func(c table.Call) { calls = append(calls, c) }))
	calls = nil
	put(t, e, s, "a")
	_, err := e.Get(t.Context(), s, text("a"), true)
	require.NoError(t, err)
	_, err = e.Update(t.Context(), s, bump("a", 9))
	require.Error(t, err)
	require.Len(t, calls, 3)
	require.Equal(t, "PutItem", calls[0].Operation)
	require.InDelta(t, 1, calls[0].WriteUnits, 0)
	require.InDelta(t, 1, calls[1].ReadUnits, 0)
	require.Zero(t, calls[1].WriteUnits)
	require.ErrorAs(t, calls[2].Err, new(*table.ConditionError))
}

func TestATableThatIsNotThereIsSaidToBe(t *testing.T) {
	t.Parallel()
	e := New(NewClient(dynamotest.Config(t), dynamotest.Start(t).Endpoint))
	s := jobs(dynamotest.TableName(t))
	_, err := e.Get(t.Context(), s, text("a"), true)
	require.ErrorIs(t, err, table.ErrUnavailable)
	require.ErrorContains(t, err, "there is no such table")
	_, err = e.Describe(t.Context(), s)
	require.ErrorIs(t, err, table.ErrNotFound)
	require.ErrorIs(t, e.CreateIndex(t.Context(), s, byOwner), table.ErrSchema)
	require.ErrorIs(t, e.Ping(t.Context(), s), table.ErrUnavailable)
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	const many = 64
	var arrived sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Done()
		arrived.Wait() // all are in flight at once
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte("{}"))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	e := New(NewClient(dynamotest.Config(t), server.URL))
	for range 3 {
		arrived.Add(many)
		var group sync.WaitGroup
		for range many {
			group.Go(func() {
				_, err := e.Get(t.Context(), jobs("jobs"), text("a"), true)
				require.NoError(t, err)
			})
		}
		group.Wait()
	}
	// One that comes free while another is being opened leaves one too many.
	require.Less(t, opened.Load(), int64(2*many))
}

func TestAnIndexThatIsBeingCreatedIsWaitedFor(t *testing.T) {
	t.Parallel()
	e, proxy, s := newEngine(t)
	proxy.IndexesCreating(3)
	require.NoError(t, e.CreateIndex(t.Context(), s, byOwner))
	counts := proxy.Counts()
	require.Equal(t, 1, counts["UpdateTable"])
	require.GreaterOrEqual(t, counts["DescribeTable"], 4)
	require.NoError(t, e.CreateIndex(t.Context(), s, byOwner))
	require.Zero(t, proxy.Counts()["UpdateTable"])

	proxy.IndexesCreating(1_000_000)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, e.CreateTable(ctx, s, table.Capacity{}), table.ErrUnavailable)
}

func TestManyReplicasMayCreateOneTableAtOnce(t *testing.T) {
	t.Parallel()
	e, proxy, _ := newEngine(t)
	s := jobs(dynamotest.TableName(t))
	s.Indexes = append(s.Indexes, byOwner)
	proxy.Delay("DescribeTable", 5*time.Millisecond) // all find nothing
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { require.NoError(t, e.CreateTable(t.Context(), s, table.Capacity{})) })
	}
	group.Wait()
	later := table.Index{Name: "later", Hash: "owner", Range: "at", Projection: table.ProjectAll}
	for range 8 {
		group.Go(func() { require.NoError(t, e.CreateIndex(t.Context(), s, later)) })
	}
	group.Wait()
	d, err := e.Describe(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, "ends", d.TTL)
	require.Len(t, d.Indexes, 3)
	_, err = e.client.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &s.Table})
	require.NoError(t, err)
}

// TestATableThatIsBeingChangedCanBeUsed has a server that says what it is told
// to: the one of the other tests changes its tables at once.
func TestATableThatIsBeingChangedCanBeUsed(t *testing.T) {
	t.Parallel()
	for status, usable := range map[string]bool{"UPDATING": true, "CREATING": false, "DELETING": false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch operation := r.Header.Get("X-Amz-Target"); {
			case strings.HasSuffix(operation, ".DescribeTimeToLive"):
				_, _ = io.WriteString(w, `{"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "ends"}}`)
			default:
				_, _ = io.WriteString(w, `{"Table": {"TableStatus": "`+status+`", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
					"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}}`)
			}
		}))
		defer server.Close()
		s := jobs("jobs")
		s.Indexes = nil
		e := New(NewClient(dynamotest.Config(t), server.URL), Poll(time.Millisecond))
		if usable {
			require.NoError(t, e.CreateTable(t.Context(), s, table.Capacity{}), status)
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, e.CreateTable(ctx, s, table.Capacity{}), table.ErrUnavailable, status)
	}
}

func TestATimeToLiveThatIsOnAlreadyIsNoError(t *testing.T) {
	t.Parallel()
	e, proxy, s := newEngine(t)
	require.NoError(t, e.CreateTable(t.Context(), s, table.Capacity{}))
	require.Zero(t, proxy.Counts()["UpdateTimeToLive"])
	other := *s
	other.TTL = "at"
	err := e.CreateTable(t.Context(), &other, table.Capacity{})
	require.ErrorIs(t, err, table.ErrSchema)
	require.ErrorContains(t, err, `"ends", not "at"`)
}

func TestMissingIndexesAreAddedOneAtATime(t *testing.T) {
	t.Parallel()
	e, proxy, s := newEngine(t)
	more := *s
	more.Indexes = append(more.Indexes, byOwner, table.Index{Name: "third", Hash: "owner", Range: "at", Projection: table.ProjectAll})
	require.NoError(t, e.CreateTable(t.Context(), &more, table.Capacity{}))
	require.Equal(t, 2, proxy.Counts()["UpdateTable"])
	d, err := e.Describe(t.Context(), &more)
	require.NoError(t, err)
	require.Len(t, d.Indexes, 3)
	for _, i := range d.Indexes {
		require.Equal(t, "ACTIVE", i.Status)
	}
}

func TestATableWithGivenCapacity(t *testing.T) {
	t.Parallel()
	e, _, _ := newEngine(t)
	s := jobs(dynamotest.TableName(t))
	require.NoError(t, e.CreateTable(t.Context(), s, table.Capacity{ReadUnits: 5, WriteUnits: 6}))
	out, err := e.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &s.Table})
	require.NoError(t, err)
	require.EqualValues(t, 5, aws.ToInt64(out.Table.ProvisionedThroughput.ReadCapacityUnits))
	require.EqualValues(t, 6, aws.ToInt64(out.Table.GlobalSecondaryIndexes[0].ProvisionedThroughput.WriteCapacityUnits))
	require.NoError(t, e.CreateIndex(t.Context(), s, byOwner))
	_, err = e.client.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &s.Table})
	require.NoError(t, err)
}

func TestWhatIsTooLargeIsToldFromWhatIsInvalid(t *testing.T) {
	t.Parallel()
	e, _, s := newEngine(t)
	item := table.Item{"id": text("a"), "fill": text(strings.Repeat("x", 400<<10))}
	require.ErrorIs(t, e.Put(t.Context(), s, table.Put{Item: item, Now: noon}), table.ErrTooLarge)
	item = table.Item{"id": text(strings.Repeat("x", 2049))}
	require.ErrorIs(t, e.Put(t.Context(), s, table.Put{Item: item, Now: noon}), table.ErrTooLarge)
	put(t, e, s, "a")
	u := bump("a", 1)
	u.Set["fill"] = text(strings.Repeat("x", 400<<10))
	_, err := e.Update(t.Context(), s, u)
	require.ErrorIs(t, err, table.ErrTooLarge)
	u = bump("a", 1)
	u.If = slices.Repeat([]table.Check{{Attribute: "owner", Op: table.OpAbsent}}, 500)
	_, err = e.Update(t.Context(), s, u)
	require.ErrorIs(t, err, table.ErrInvalid, "an expression, not an item, of more than 4 KB")
	item = table.Item{"id": number(1)}
	require.ErrorIs(t, e.Put(t.Context(), s, table.Put{Item: item, Now: noon}), table.ErrInvalid)
}
