package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/table"
	"github.com/statusd/statusd/internal/table/dynamo"
	"github.com/statusd/statusd/internal/table/embedded"
)

// play runs one of this command's own processes until it is killed.
func play(ctx context.Context, role string, args []string) error {
	switch role {
	case "bare": // answers every GET with the bytes of a file
		body, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		length := strconv.Itoa(len(body))
		return serve(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", length)
			_, _ = w.Write(body)
		})
	case "engine": // makes heartbeats' updates on the embedded engine in a file
		engine, err := embedded.Open(args[0])
		if err != nil {
			return err
		}
		return serveLoop(engineBeat(ctx, engine))
	case "sdk": // makes heartbeats' updates with the SDK alone
		return serveLoop(sdkBeat(ctx, sdkClient(args[0]), args[1]))
	case "stub":
		return serve(stub())
	case "events": // streams, as net/http has them; "h2" for HTTP/2
		return serve(events(), args...)
	case "loop": // streams that are written to in one loop
		return serve(loop())
	case "h2": // statusd's API on the embedded engine in a file, with HTTP/2
		handler, err := newAPI(ctx, args[0])
		if err != nil {
			return err
		}
		return serve(handler.ServeHTTP, role)
	case "watchers": // follows streams
		return serve(newWatchers().ServeHTTP)
	}
	return fmt.Errorf("no such role: %s", role)
}

// serve listens on a free port and tells it. With "h2" it speaks HTTP/2 too.
func serve(handler http.HandlerFunc, protocol ...string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	server := &http.Server{Handler: handler}
	if len(protocol) > 0 {
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
	}
	return server.Serve(l)
}

// serveLoop serves the requests of child.loop: beat makes one update of one
// of the jobs.
func serveLoop(beat func(job, n int) error, err error) error {
	if err != nil {
		return err
	}
	beats := make(map[int]*atomic.Int64)
	return serve(func(w http.ResponseWriter, r *http.Request) {
		connections, _ := strconv.Atoi(r.FormValue("connections"))
		length, _ := time.ParseDuration(r.FormValue("length"))
		var total atomic.Int64
		var failed atomic.Pointer[error]
		var group sync.WaitGroup
		until := time.Now().Add(length)
		for job := range connections {
			if beats[job] == nil {
				beats[job] = new(atomic.Int64)
			}
			n := beats[job]
			group.Go(func() {
				for time.Now().Before(until) {
					if err := beat(job, int(n.Add(1))); err != nil {
						failed.Store(&err)
						return
					}
					total.Add(1)
				}
			})
		}
		group.Wait()
		if err := failed.Load(); err != nil {
			http.Error(w, (*err).Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, total.Load())
	})
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func number(n int) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
}

// record is an item as the service stores it, and beat what a heartbeat sets.
func record(job string, version int) table.Item {
	now := text("2030-01-02T03:04:05.678Z")
	item := beat(version)
	for name, value := range (table.Item{
		"request_id": text(job), "status": text("in-progress"), "status_shard": text("in-progress#0"),
		"timestamp": now, "created_at": now, "attempt": number(1),
		"history": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberM{Value: table.Item{
			"status": text("in-progress"), "attempt": number(1), "timestamp": now,
		}}}},
	}) {
		item[name] = value
	}
	return item
}

func beat(version int) table.Item {
	now := text("2030-01-02T03:04:05.678Z")
	return table.Item{
		"version": number(version), "updated_at": now, "expires_at": number(1 << 32),
		"write_id": text(fmt.Sprintf("ABCDEFGHIJKLMN%012d", version)),
		"progress": &types.AttributeValueMemberM{Value: table.Item{
			"current": number(version), "total": number(100000000), "unit": text("step"),
			"first_current": number(1), "first_at": now, "advanced_at": now,
		}},
	}
}

func engineBeat(ctx context.Context, engine *embedded.Engine) (func(job, n int) error, error) {
	schema := &table.Schema{
		Table: "bench", Key: table.Attribute{Name: "request_id", Type: "S", Required: true}, Version: "version", TTL: "expires_at",
		Indexes: []table.Index{
			{Name: "by_status", Hash: "status_shard", Range: "timestamp", Projection: table.ProjectKeysOnly},
			{Name: "by_owner", Hash: "owner", Range: "timestamp", Projection: table.ProjectKeysOnly},
		},
		Attributes: []table.Attribute{
			{Name: "request_id", Type: "S"}, {Name: "status_shard", Type: "S"}, {Name: "owner", Type: "S"},
			{Name: "timestamp", Type: "S"}, {Name: "version", Type: "N"}, {Name: "expires_at", Type: "N"},
		},
	}
	if err := engine.CreateTable(ctx, schema, table.Capacity{}); err != nil {
		return nil, err
	}
	return func(job, n int) error {
		id := "bench-" + strconv.Itoa(job)
		if n == 1 {
			return engine.Put(ctx, schema, table.Put{Item: record(id, 1), Now: time.Now()})
		}
		_, err := engine.Update(ctx, schema, table.Update{
			Key: text(id), Set: beat(n), Now: time.Now(),
			If: []table.Check{{Attribute: "version", Op: table.OpEquals, Value: number(n - 1)}},
		})
		return err
	}, nil
}

func sdkClient(endpoint string) *dynamodb.Client {
	return dynamo.NewClient(aws.Config{
		Region:      "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("bench", "bench", ""),
	}, endpoint)
}

// sdkBeat makes the same update by the SDK and nothing else.
func sdkBeat(ctx context.Context, client *dynamodb.Client, name string) (func(job, n int) error, error) {
	set := "SET #version = :version, #updated_at = :updated_at, #expires_at = :expires_at, #write_id = :write_id, #progress = :progress"
	return func(job, n int) error {
		id := "bare-" + strconv.Itoa(job)
		if n == 1 {
			_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &name, Item: record(id, 1)})
			return err
		}
		input := &dynamodb.UpdateItemInput{
			TableName: &name, Key: table.Item{"request_id": text(id)},
			UpdateExpression: &set, ConditionExpression: aws.String("attribute_exists(request_id) AND #version = :was"),
			ExpressionAttributeNames:  make(map[string]string),
			ExpressionAttributeValues: table.Item{":was": number(n - 1)},
			ReturnValues:              types.ReturnValueAllNew,
			ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal,
		}
		for attribute, value := range beat(n) {
			input.ExpressionAttributeNames["#"+attribute] = attribute
			input.ExpressionAttributeValues[":"+attribute] = value
		}
		_, err := client.UpdateItem(ctx, input)
		return err
	}, nil
}

// description is the service's table.
const description = `{"Table":{"TableName":"bench","TableStatus":"ACTIVE",
	"KeySchema":[{"AttributeName":"request_id","KeyType":"HASH"}],
	"AttributeDefinitions":[{"AttributeName":"request_id","AttributeType":"S"},{"AttributeName":"status_shard","AttributeType":"S"},
		{"AttributeName":"owner","AttributeType":"S"},{"AttributeName":"timestamp","AttributeType":"S"}],
	"GlobalSecondaryIndexes":[
		{"IndexName":"by_status","IndexStatus":"ACTIVE","Projection":{"ProjectionType":"KEYS_ONLY"},
			"KeySchema":[{"AttributeName":"status_shard","KeyType":"HASH"},{"AttributeName":"timestamp","KeyType":"RANGE"}]},
		{"IndexName":"by_owner","IndexStatus":"ACTIVE","Projection":{"ProjectionType":"KEYS_ONLY"},
			"KeySchema":[{"AttributeName":"owner","KeyType":"HASH"},{"AttributeName":"timestamp","KeyType":"RANGE"}]}]}}`

// stub answers as DynamoDB would, at once and always with the same record;
// GET / tells how many requests it has had, by operation.
func stub() http.HandlerFunc {
	var mu sync.Mutex
	counts := make(map[string]int)
	attributes := `{"request_id":{"S":"bench"},"status":{"S":"in-progress"},"status_shard":{"S":"in-progress#0"},` +
		`"timestamp":{"S":"2030-01-02T03:04:05.678Z"},"created_at":{"S":"2030-01-02T03:04:05.678Z"},` +
		`"updated_at":{"S":"2030-01-02T03:04:05.678Z"},"attempt":{"N":"1"},"version":{"N":"1"},"expires_at":{"N":"4294967296"},` +
		`"write_id":{"S":"ABCDEFGHIJKLMN000000000001"},"history":{"L":[{"M":{"status":{"S":"in-progress"},"attempt":{"N":"1"},` +
		`"timestamp":{"S":"2030-01-02T03:04:05.678Z"}}}]}}`
	updated := []byte(`{"Attributes":` + attributes + `,"ConsumedCapacity":{"TableName":"bench","CapacityUnits":1}}`)
	return func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		mu.Lock()
		if operation == "" {
			_ = json.NewEncoder(w).Encode(counts)
			mu.Unlock()
			return
		}
		counts[operation]++
		mu.Unlock()
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch operation {
		case "UpdateItem":
			_, _ = w.Write(updated)
		case "DescribeTable":
			_, _ = w.Write([]byte(description))
		default:
			_, _ = w.Write([]byte("{}"))
		}
	}
}
