// Package dynamo is the table engine on DynamoDB.
//
// What is sent is built by pure functions (requests.go); the methods here send
// it, and hand back what DynamoDB said in the words of package table.
package dynamo

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/table"
)

const (
	// connections is how many idle ones are kept. With fewer than there are
	// requests in flight (the SDK keeps 10) most requests open their own.
	connections = 512
	// attempts is how often the SDK sends a request, at most.
	attempts = 4
	// firstPause and longestPause bound its pauses in between: random ones, of
	// up to twice as long each time, which end with the request's deadline. (The
	// SDK's own begin at half a second.)
	firstPause   = 50 * time.Millisecond
	longestPause = 500 * time.Millisecond
	// attemptTimeout is how long one attempt waits for a connection, and then
	// for its answer. DynamoDB answers within milliseconds: one that takes so
	// long is lost, and the next attempt may be the better for it.
	attemptTimeout = 3 * time.Second
)

// NewClient returns an SDK client made for many small requests. The endpoint
// is a URL, or "" for AWS.
func NewClient(c aws.Config, endpoint string) *dynamodb.Client {
	own, ok := c.HTTPClient.(*awshttp.BuildableClient) // with AWS_CA_BUNDLE in it
	if !ok {
		own = awshttp.NewBuildableClient()
	}
	c.HTTPClient = own.WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = connections, connections
		t.TLSHandshakeTimeout, t.ResponseHeaderTimeout = attemptTimeout, attemptTimeout
	}).WithDialerOptions(func(d *net.Dialer) { d.Timeout = attemptTimeout })
	return dynamodb.NewFromConfig(c, func(o *dynamodb.Options) {
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = attempts
			r.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
				return pauseBefore(attempt), nil
			})
			// The SDK's own limit, a token bucket for retries of all requests
			// together, would fail requests at random after a short outage.
			r.RateLimiter = ratelimit.None
		})
	})
}

// pauseBefore is how long to wait before the n-th try again.
func pauseBefore(n int) time.Duration {
	return rand.N(min(firstPause<<min(max(n-1, 0), 10), longestPause))
}

// Engine is DynamoDB. See [New].
type Engine struct {
	client  *dynamodb.Client
	observe table.Observer
	poll    time.Duration
}

var _ table.Engine = (*Engine)(nil)

// Option is a choice for [New].
type Option func(*Engine)

// Observe tells of every operation, with the capacity that it has consumed.
func Observe(o table.Observer) Option { return func(e *Engine) { e.observe = o } }

// Poll sets how often a table or index that is being created is asked for; a
// second by default.
func Poll(d time.Duration) Option { return func(e *Engine) { e.poll = d } }

// New returns the engine on a client.
func New(client *dynamodb.Client, opts ...Option) *Engine {
	e := &Engine{client: client, observe: func(table.Call) {}, poll: time.Second}
	for _, opt := range opts {
		opt(e)
	}
	return e
}

// send makes one request, tells the observer, and translates its error.
func send[In, Out any](
	ctx context.Context, e *Engine, operation, name string,
	request func(context.Context, *In, ...func(*dynamodb.Options)) (*Out, error), in *In,
	consumed func(*Out) *types.ConsumedCapacity, options ...func(*dynamodb.Options),
) (*Out, error) {
	var attempts attemptLog
	if isWrite(operation) {
		options = append(options, attempts.watch)
	}
	began := time.Now()
	out, err := request(ctx, in, options...)
	call := table.Call{
		Operation: operation, Table: name, Duration: time.Since(began),
		Err: translate(operation, name, err, attempts.doubtful),
	}
	if err == nil && consumed != nil {
		units(&call, consumed(out))
	}
	e.observe(call)
	return out, call.Err
}

// units takes up what an answer says of the capacity it has consumed.
func units(call *table.Call, c *types.ConsumedCapacity) {
	if c == nil || c.CapacityUnits == nil {
		return
	}
	if isWrite(call.Operation) {
		call.WriteUnits += *c.CapacityUnits
	} else {
		call.ReadUnits += *c.CapacityUnits
	}
}

func isWrite(operation string) bool {
	return operation == "PutItem" || operation == "UpdateItem" || operation == "DeleteItem"
}

// Put implements [table.Engine]. A create in doubt is not sent again: it would
// make anew what somebody has deleted in between.
func (e *Engine) Put(ctx context.Context, s *table.Schema, w table.Put) error {
	_, err := send(ctx, e, "PutItem", s.Table, e.client.PutItem, putItem(s, w),
		func(o *dynamodb.PutItemOutput) *types.ConsumedCapacity { return o.ConsumedCapacity }, onceInDoubt)
	return err
}

// Get implements [table.Engine].
func (e *Engine) Get(ctx context.Context, s *table.Schema, key types.AttributeValue, consistent bool) (table.Item, error) {
	out, err := send(ctx, e, "GetItem", s.Table, e.client.GetItem, getItem(s, key, consistent),
		func(o *dynamodb.GetItemOutput) *types.ConsumedCapacity { return o.ConsumedCapacity })
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// Update implements [table.Engine].
func (e *Engine) Update(ctx context.Context, s *table.Schema, u table.Update) (table.Item, error) {
	out, err := send(ctx, e, "UpdateItem", s.Table, e.client.UpdateItem, updateItem(s, u),
		func(o *dynamodb.UpdateItemOutput) *types.ConsumedCapacity { return o.ConsumedCapacity })
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// Delete implements [table.Engine].
func (e *Engine) Delete(ctx context.Context, s *table.Schema, d table.Delete) (table.Item, error) {
	var options []func(*dynamodb.Options)
	if len(d.If) == 0 {
		// Sent twice, it could remove what somebody has made anew in between.
		options = append(options, onceInDoubt)
	}
	out, err := send(ctx, e, "DeleteItem", s.Table, e.client.DeleteItem, deleteItem(s, d),
		func(o *dynamodb.DeleteItemOutput) *types.ConsumedCapacity { return o.ConsumedCapacity }, options...)
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// Query implements [table.Engine].
func (e *Engine) Query(ctx context.Context, s *table.Schema, q table.Query) (table.Page, error) {
	out, err := send(ctx, e, "Query", s.Table, e.client.Query, query(s, q),
		func(o *dynamodb.QueryOutput) *types.ConsumedCapacity { return o.ConsumedCapacity })
	if err != nil {
		return table.Page{}, err
	}
	return table.Page{Items: out.Items, Next: next(out.LastEvaluatedKey)}, nil
}

// Scan implements [table.Engine].
func (e *Engine) Scan(ctx context.Context, s *table.Schema, start table.Item) (table.Page, error) {
	out, err := send(ctx, e, "Scan", s.Table, e.client.Scan, scan(s, start),
		func(o *dynamodb.ScanOutput) *types.ConsumedCapacity { return o.ConsumedCapacity })
	if err != nil {
		return table.Page{}, err
	}
	return table.Page{Items: out.Items, Next: next(out.LastEvaluatedKey)}, nil
}

// next is where a page ends; some servers give an empty map for the last one.
func next(last table.Item) table.Item {
	if len(last) == 0 {
		return nil
	}
	return last
}

// Ping implements [table.Engine]. It reads a key that no record has, and costs
// half a read unit: DescribeTable, which is free, may be called ten times a
// second by all replicas together.
func (e *Engine) Ping(ctx context.Context, s *table.Schema) error {
	var nobody types.AttributeValue = &types.AttributeValueMemberS{Value: "\x00ping"}
	if s.Key.Type == "N" {
		nobody = &types.AttributeValueMemberN{Value: "-99999999999999999999999999999999999999"}
	}
	_, err := e.Get(ctx, s, nobody, false)
	return err
}
