package dynamo

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/table"
)

// batchMost is how many keys one BatchGetItem takes.
const batchMost = 100

// BatchGet implements [table.Engine]. What DynamoDB leaves for later, for want
// of capacity or because an answer holds 16 MB at most, is asked for again,
// until the context ends.
func (e *Engine) BatchGet(ctx context.Context, s *table.Schema, keys []types.AttributeValue, consistent bool) ([]table.Item, error) {
	var items []table.Item
	for chunk := range slices.Chunk(keys, batchMost) {
		for try := 0; len(chunk) > 0; try++ {
			if try > 0 {
				if err := pause(ctx, s, try); err != nil {
					return nil, err
				}
			}
			found, rest, err := e.batchGet(ctx, s, chunk, consistent)
			if err != nil {
				return nil, err
			}
			items = append(items, found...)
			if len(found) > 0 {
				try = 0
			}
			chunk = rest
		}
	}
	return items, nil
}

func (e *Engine) batchGet(ctx context.Context, s *table.Schema, keys []types.AttributeValue, consistent bool) (found []table.Item, rest []types.AttributeValue, err error) {
	out, err := send(ctx, e, "BatchGetItem", s.Table, e.client.BatchGetItem, batchGetItem(s, keys, consistent),
		func(o *dynamodb.BatchGetItemOutput) *types.ConsumedCapacity {
			if len(o.ConsumedCapacity) == 0 {
				return nil
			}
			return &o.ConsumedCapacity[0] // there is one table
		})
	if err != nil {
		return nil, nil, err
	}
	for _, key := range out.UnprocessedKeys[s.Table].Keys {
		rest = append(rest, key[s.Key.Name])
	}
	return out.Responses[s.Table], rest, nil
}

// batchGetItem reads up to a hundred items.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
func batchGetItem(s *table.Schema, keys []types.AttributeValue, consistent bool) *dynamodb.BatchGetItemInput {
	wanted := make([]map[string]types.AttributeValue, len(keys))
	for i, key := range keys {
		wanted[i] = table.Item{s.Key.Name: key}
	}
	return &dynamodb.BatchGetItemInput{
		RequestItems:           map[string]types.KeysAndAttributes{s.Table: {Keys: wanted, ConsistentRead: &consistent}},
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	}
}

// pause waits before the next try, longer each time.
func pause(ctx context.Context, s *table.Schema, try int) error {
	select {
	case <-time.After(pauseBefore(try)):
		return nil
	case <-ctx.Done():
		return &table.UnavailableError{Table: s.Table, Operation: "BatchGetItem", Cause: context.Cause(ctx)}
	}
}
