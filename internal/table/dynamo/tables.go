package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/statusd/statusd/internal/table"
)

// CreateTable implements [table.Engine].
func (e *Engine) CreateTable(ctx context.Context, s *table.Schema, capacity table.Capacity) error {
	err := e.converge(ctx, s, func() (bool, error) {
		return e.step(ctx, s, s.Indexes, func() error {
			_, err := send(ctx, e, "CreateTable", s.Table, e.client.CreateTable, createTable(s, capacity), nil)
			return err
		})
	})
	if err != nil || s.TTL == "" {
		return err
	}
	return e.converge(ctx, s, func() (bool, error) { return e.ensureTTL(ctx, s) })
}

// CreateIndex implements [table.Engine].
func (e *Engine) CreateIndex(ctx context.Context, s *table.Schema, i table.Index) error {
	return e.converge(ctx, s, func() (bool, error) {
		return e.step(ctx, s, []table.Index{i}, func() error {
			return &table.SchemaError{Table: s.Table, Difference: "it is not there"}
		})
	})
}

// converge takes steps towards what should be, until none is left. Several
// replicas may do so at once: each step can be another one's, since every one
// looks anew at what is there. A refusal that may pass is not the end, but is
// told if the context is.
func (e *Engine) converge(ctx context.Context, s *table.Schema, step func() (done bool, err error)) error {
	var refusal error
	for {
		done, err := step()
		switch {
		case busy(err), err == nil && !done:
			refusal = err // none while it is being made
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		case done || err != nil:
			return err
		}
		select {
		case <-time.After(e.poll):
		case <-ctx.Done():
			cause := context.Cause(ctx)
			if refusal != nil {
				cause = fmt.Errorf("%w, and before: %w", cause, refusal)
			}
			return &table.UnavailableError{Table: s.Table, Operation: "waiting for the table", Cause: cause}
		}
	}
}

// step makes the table, or one of these indexes, if it is missing; it is done
// once all of them can be used.
func (e *Engine) step(ctx context.Context, s *table.Schema, indexes []table.Index, create func() error) (done bool, err error) {
	found, err := e.describe(ctx, s)
	switch {
	case errors.Is(err, table.ErrNotFound):
		return false, create()
	case err != nil:
		return false, err
	case found.TableStatus != types.TableStatusActive && found.TableStatus != types.TableStatusUpdating:
		return false, nil // one that is being changed can be used
	}
	if err := differs(s, indexes, found); err != nil {
		return false, err
	}
	for _, wanted := range indexes {
		there, ok := indexOf(found, wanted.Name)
		if !ok {
			return false, e.addIndex(ctx, s, wanted, throughputLike(found))
		}
		if there.IndexStatus != types.IndexStatusActive {
			return false, nil // though the table is ACTIVE
		}
	}
	return true, nil
}

// addIndex begins to make an index, unless the table is busy: DynamoDB makes
// one at a time.
func (e *Engine) addIndex(ctx context.Context, s *table.Schema, i table.Index, throughput *types.ProvisionedThroughput) error {
	_, err := send(ctx, e, "UpdateTable", s.Table, e.client.UpdateTable, createIndex(s, i, throughput), nil)
	if errors.Is(err, table.ErrInvalid) {
		// Because another replica was first, if the index is there now.
		if found, again := e.describe(ctx, s); again == nil {
			if _, ok := indexOf(found, i.Name); ok {
				return nil
			}
		}
	}
	return err
}

// throughputLike is the capacity for an index more, nil if the table's is on
// demand.
func throughputLike(found *types.TableDescription) *types.ProvisionedThroughput {
	t := found.ProvisionedThroughput
	if t == nil || aws.ToInt64(t.ReadCapacityUnits) == 0 ||
		found.BillingModeSummary != nil && found.BillingModeSummary.BillingMode == types.BillingModePayPerRequest {
		return nil
	}
	return &types.ProvisionedThroughput{ReadCapacityUnits: t.ReadCapacityUnits, WriteCapacityUnits: t.WriteCapacityUnits}
}

// ensureTTL has DynamoDB remove what is past its time to live.
func (e *Engine) ensureTTL(ctx context.Context, s *table.Schema) (done bool, err error) {
	status, attribute, err := e.ttl(ctx, s)
	if err != nil {
		return false, err
	}
	switch status {
	case types.TimeToLiveStatusEnabled, types.TimeToLiveStatusEnabling:
		if attribute != s.TTL {
			return false, &table.SchemaError{Table: s.Table, Difference: fmt.Sprintf("its time to live is %q, not %q", attribute, s.TTL)}
		}
		return true, nil
	case types.TimeToLiveStatusDisabling:
		return false, nil
	}
	_, err = send(ctx, e, "UpdateTimeToLive", s.Table, e.client.UpdateTimeToLive, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &s.Table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &s.TTL, Enabled: aws.Bool(true)},
	}, nil)
	if errors.Is(err, table.ErrInvalid) {
		// Another replica was first: look again. If it still is off then, this
		// is what will be said.
		if status, _, again := e.ttl(ctx, s); again == nil && status != types.TimeToLiveStatusDisabled {
			return false, nil
		}
	}
	return err == nil, err
}

func (e *Engine) ttl(ctx context.Context, s *table.Schema) (types.TimeToLiveStatus, string, error) {
	out, err := send(ctx, e, "DescribeTimeToLive", s.Table, e.client.DescribeTimeToLive,
		&dynamodb.DescribeTimeToLiveInput{TableName: &s.Table}, nil)
	if err != nil || out.TimeToLiveDescription == nil {
		return types.TimeToLiveStatusDisabled, "", err
	}
	return out.TimeToLiveDescription.TimeToLiveStatus, aws.ToString(out.TimeToLiveDescription.AttributeName), nil
}

// busy tells the refusals of a table that is being changed, by another replica
// or by one's own last step, and of an account that may not have more now.
func busy(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && slices.Contains([]string{"ResourceInUseException", "LimitExceededException"}, refused.ErrorCode())
}

// describe reads what is there. ErrNotFound.
func (e *Engine) describe(ctx context.Context, s *table.Schema) (*types.TableDescription, error) {
	out, err := send(ctx, e, "DescribeTable", s.Table, e.client.DescribeTable, &dynamodb.DescribeTableInput{TableName: &s.Table}, nil)
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return nil, fmt.Errorf("table %s: %w", s.Table, table.ErrNotFound)
	case err != nil:
		return nil, err
	case out.Table == nil:
		return nil, &table.UnavailableError{Table: s.Table, Operation: "DescribeTable", Cause: errors.New("what answers is not DynamoDB")}
	}
	return out.Table, nil
}

// Describe implements [table.Engine].
func (e *Engine) Describe(ctx context.Context, s *table.Schema) (table.Description, error) {
	found, err := e.describe(ctx, s)
	if err != nil {
		return table.Description{}, err
	}
	d := table.Description{
		Table: aws.ToString(found.TableName), Status: string(found.TableStatus),
		Items: aws.ToInt64(found.ItemCount), Bytes: aws.ToInt64(found.TableSizeBytes),
	}
	d.Key.Name, _ = keysOf(found.KeySchema)
	d.Key.Type, d.Key.Required = typesOf(found)[d.Key.Name], true
	for _, i := range found.GlobalSecondaryIndexes {
		d.Indexes = append(d.Indexes, table.IndexDescription{Index: indexFrom(i), Status: string(i.IndexStatus)})
	}
	status, attribute, err := e.ttl(ctx, s)
	if status == types.TimeToLiveStatusEnabled || status == types.TimeToLiveStatusEnabling {
		d.TTL = attribute
	}
	return d, err
}

func indexOf(found *types.TableDescription, name string) (types.GlobalSecondaryIndexDescription, bool) {
	at := slices.IndexFunc(found.GlobalSecondaryIndexes, func(i types.GlobalSecondaryIndexDescription) bool {
		return aws.ToString(i.IndexName) == name
	})
	if at < 0 {
		return types.GlobalSecondaryIndexDescription{}, false
	}
	return found.GlobalSecondaryIndexes[at], true
}

func indexFrom(d types.GlobalSecondaryIndexDescription) table.Index {
	i := table.Index{Name: aws.ToString(d.IndexName)}
	i.Hash, i.Range = keysOf(d.KeySchema)
	if d.Projection != nil {
		i.Projection = table.Projection(d.Projection.ProjectionType)
		i.Include = d.Projection.NonKeyAttributes
	}
	return i
}

func keysOf(elements []types.KeySchemaElement) (hash, rng string) {
	for _, element := range elements {
		if element.KeyType == types.KeyTypeHash {
			hash = aws.ToString(element.AttributeName)
		} else {
			rng = aws.ToString(element.AttributeName)
		}
	}
	return hash, rng
}

func typesOf(found *types.TableDescription) map[string]string {
	kinds := make(map[string]string)
	for _, d := range found.AttributeDefinitions {
		kinds[aws.ToString(d.AttributeName)] = string(d.AttributeType)
	}
	return kinds
}

// differs tells in what the table that is there is another one than declared,
// as far as keys and these indexes go.
func differs(s *table.Schema, indexes []table.Index, found *types.TableDescription) error {
	say := func(format string, args ...any) error {
		return &table.SchemaError{Table: s.Table, Difference: fmt.Sprintf(format, args...)}
	}
	kinds := typesOf(found)
	switch key, sort := keysOf(found.KeySchema); {
	case key != s.Key.Name:
		return say("its partition key is %s, not %s", key, s.Key.Name)
	case sort != "":
		return say("it has a sort key, %s", sort)
	case kinds[key] != s.Key.Type:
		return say("its partition key %s is a %s, not a %s", key, kinds[key], s.Key.Type)
	}
	for _, wanted := range indexes {
		there, ok := indexOf(found, wanted.Name)
		if !ok {
			continue
		}
		if have := indexFrom(there); !have.Equal(wanted) {
			return say("it has index %s, not %s", have, wanted)
		}
		for _, name := range []string{wanted.Hash, wanted.Range} {
			if a, ok := s.Attribute(name); ok && kinds[name] != a.Type {
				return say("index %s has %s as a %s, not a %s", wanted.Name, name, kinds[name], a.Type)
			}
		}
	}
	return nil
}
