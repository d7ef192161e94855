package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/dynamotest"
	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table/dynamo"
)

// onDynamoDB returns replicas on one new table of a DynamoDB server, and the
// proxy that all of them go by.
func onDynamoDB(t *testing.T, replicas int) ([]*Store, *dynamotest.Proxy) {
	t.Helper()
	server := dynamotest.Start(t)
	proxy := dynamotest.NewProxy(t, server.Endpoint)
	name := dynamotest.TableName(t)
	var all []*Store
	for range replicas {
		engine := dynamo.New(dynamo.NewClient(dynamotest.Config(t), proxy.Endpoint), dynamo.Poll(10*time.Millisecond))
		s, err := New(counting{engine}, Config{
			Table:   name,
			Policy:  model.Policy{Retention: time.Hour, AbandonAfter: 24 * time.Hour},
			Silence: model.Silence{LateAfter: 2 * time.Minute, StaleAfter: 10 * time.Minute},
		})
		require.NoError(t, err)
		all = append(all, s)
	}
	require.NoError(t, all[0].CreateTable(t.Context()))
	t.Cleanup(func() {
		client := dynamo.NewClient(dynamotest.Config(t), server.Endpoint)
		_, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
		require.NoError(t, err)
	})
	proxy.Counts()
	proxy.Units()
	return all, proxy
}

// beat is a heartbeat as a real worker sends it.
func beat(n int) model.Update {
	total := 1000.0
	message := fmt.Sprintf("epoch %d, loss 0.%03d", n, 1000-n)
	return model.Update{
		Status: model.InProgress, Attempt: 1, Message: &message,
		Progress: &model.Progress{Current: float64(n), Total: &total, Unit: "epoch"},
	}
}

func TestAHeartbeatOnDynamoDBIsOneRequestAndOneWriteUnit(t *testing.T) {
	t.Parallel()
	replicas, proxy := onDynamoDB(t, 2)
	a, b := replicas[0], replicas[1]
	apply(t, a, "job", model.Update{
		Status: model.Started, Attempt: 1, Owner: "team-vision", Metadata: map[string]string{"logs": "https://logs.example.com/job"},
	})
	apply(t, a, "job", beat(1))
	proxy.Counts()
	proxy.Units()
	for n := range 10 {
		apply(t, a, "job", beat(n+2))
		require.Equal(t, map[string]int{"UpdateItem": 1}, proxy.Counts())
		// An index entry written, or a record of a kilobyte, would make it two.
		require.Equal(t, map[string]float64{"UpdateItem": 1}, proxy.Units())
	}
	apply(t, b, "job", beat(20))
	require.Equal(t, map[string]int{"PutItem": 1, "UpdateItem": 1}, proxy.Counts(), "where the job was never seen")
	apply(t, a, "job", beat(21))
	require.Equal(t, map[string]int{"UpdateItem": 2}, proxy.Counts(), "where another replica wrote last")
}

func TestALostAnswerOnDynamoDBIsToldFromAConflict(t *testing.T) {
	t.Parallel()
	replicas, proxy := onDynamoDB(t, 2)
	s := replicas[0]
	proxy.Fail("PutItem", 1, dynamotest.LoseAnswer)
	created := apply(t, s, "job", report(model.Started, 1, 0))
	require.Equal(t, model.Created, created.Outcome.Kind)
	require.Equal(t, map[string]int{"PutItem": 1, "GetItem": 1}, proxy.Counts())

	proxy.Fail("UpdateItem", 1, dynamotest.LoseAnswer)
	result := apply(t, s, "job", report(model.InProgress, 1, 1))
	require.Equal(t, created.Snapshot.Version+1, result.Snapshot.Version, "written once")
	require.Equal(t, map[string]int{"UpdateItem": 2}, proxy.Counts())

	// All of the SDK's attempts are lost: the store looks for itself.
	proxy.Fail("UpdateItem", 4, dynamotest.LoseAnswer)
	result = apply(t, s, "job", report(model.InProgress, 1, 2))
	require.Equal(t, created.Snapshot.Version+2, result.Snapshot.Version)

	proxy.Fail("UpdateItem", 4, dynamotest.Refuse)
	result = apply(t, s, "job", report(model.InProgress, 1, 3))
	require.Equal(t, created.Snapshot.Version+3, result.Snapshot.Version)
	found, err := replicas[1].Get(t.Context(), "job")
	require.NoError(t, err)
	require.Equal(t, result.Snapshot.Record, found.Record)
}

func TestThrottlingIsSaidToBe(t *testing.T) {
	t.Parallel()
	replicas, proxy := onDynamoDB(t, 1)
	s := replicas[0]
	apply(t, s, "job", report(model.Started, 1, 0))
	proxy.Fail("UpdateItem", 4, dynamotest.Throttle)
	_, err := s.Apply(t.Context(), "job", report(model.InProgress, 1, 1), When{})
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "ProvisionedThroughputExceeded")
	require.Equal(t, model.Applied, apply(t, s, "job", report(model.InProgress, 1, 1)).Outcome.Kind)

	proxy.Away(true)
	_, err = s.Get(t.Context(), "job")
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, s.Delete(t.Context(), "job", nil), ErrUnavailable)
	_, err = s.List(t.Context(), Filter{Limit: 1})
	require.ErrorIs(t, err, ErrUnavailable)
	proxy.Away(false)
	_, err = s.Get(t.Context(), "job")
	require.NoError(t, err)
}

func TestAListOnDynamoDBMayLagAndIsTrueOfWhatItShows(t *testing.T) {
	t.Parallel()
	replicas, proxy := onDynamoDB(t, 1)
	s := replicas[0]
	for i := range 120 {
		apply(t, s, fmt.Sprintf("job-%03d", i), report([]model.Status{model.Started, model.InProgress, model.Success}[i%3], 1, 0))
	}
	proxy.HideFromQueries("job-119")
	page, err := s.List(t.Context(), Filter{Limit: 50})
	require.NoError(t, err)
	for _, item := range page.Items {
		require.NotEqual(t, "job-119", item.RequestID)
	}
	proxy.HideFromQueries()
	proxy.Unprocessed(2)
	var walked []string
	for _, ids := range pages(t, s, Filter{Limit: 50}) {
		walked = append(walked, ids...)
	}
	require.Len(t, walked, 120)
	require.Contains(t, walked, "job-119")
}

func TestUpdatesOfOneJobByTwoReplicasAreLinearizable(t *testing.T) {
	t.Parallel()
	const clients, requests, jobs = 6, 24, 4
	replicas, proxy := onDynamoDB(t, 2)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	proxy.Chaos(seed, dynamotest.Chances{Refuse: 0.05, LoseAnswer: 0.1, Delay: 0.2, Longest: 5 * time.Millisecond})
	r := &recorder{began: time.Now()}
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for range requests {
				r.run(context.Background(), client, replicas[client%len(replicas)], anyRequest(jobs))
			}
		})
	}
	group.Wait()
	requireLinearizable(t, r)
}

// requireLinearizable checks a history against the specification.
func requireLinearizable(t *testing.T, r *recorder) {
	t.Helper()
	unknown := 0
	for _, o := range r.history {
		if o.Output.(answer).unknown && !o.Input.(request).ghost {
			unknown++
		}
	}
	t.Logf("%d requests, of %d of which the outcome is unknown", len(r.history), unknown)
	model := specification.ToModel()
	result, info := porcupine.CheckOperationsVerbose(model, r.history, time.Minute)
	if result == porcupine.Ok {
		return
	}
	var said strings.Builder
	if err := porcupine.Visualize(model, info, &said); err == nil {
		t.Logf("the history, for a browser, has %d bytes", said.Len())
	}
	require.Equal(t, porcupine.Ok, result)
}

func TestTheCheckFindsAStaleRead(t *testing.T) {
	t.Parallel()
	report := request{job: "job", update: report(model.InProgress, 1, 7)}
	wrote := answer{kind: model.Created, seen: jobState{there: true, status: model.InProgress, attempt: 1, current: 7, version: 100, exact: true}}
	stale := []porcupine.Operation{
		{Input: report, Call: 0, Output: wrote, Return: 10},
		{Input: request{job: "job", read: true}, Call: 20, Output: answer{notFound: true}, Return: 30},
	}
	m := specification.ToModel()
	require.False(t, porcupine.CheckOperations(m, stale))
	stale[1].Call = 5 // at the same time
	require.True(t, porcupine.CheckOperations(m, stale))
	lost := []porcupine.Operation{
		{Input: report, Call: 0, Output: wrote, Return: 10},
		{Input: request{job: "job", update: report.update}, Call: 20, Output: wrote, Return: 30}, // of the same version
	}
	require.False(t, porcupine.CheckOperations(m, lost))
}
