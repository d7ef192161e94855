package dynamo

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/table"
)

// expression gathers the placeholders of a request's expressions. All names
// are placeholders: any could be one of DynamoDB's 573 reserved words.
type expression struct {
	names  map[string]string // by placeholder
	known  map[string]string // placeholders by name
	values map[string]types.AttributeValue
}

func newExpression() *expression {
	return &expression{make(map[string]string), make(map[string]string), make(map[string]types.AttributeValue)}
}

func (x *expression) name(attribute string) string {
	placeholder, ok := x.known[attribute]
	if !ok {
		placeholder = "#n" + strconv.Itoa(len(x.names))
		x.names[placeholder], x.known[attribute] = attribute, placeholder
	}
	return placeholder
}

func (x *expression) value(av types.AttributeValue) string {
	placeholder := ":v" + strconv.Itoa(len(x.values))
	x.values[placeholder] = av
	return placeholder
}

// maps returns the placeholders as a request has them: not at all, if there
// are none.
func (x *expression) maps() (map[string]string, map[string]types.AttributeValue) {
	if len(x.values) == 0 {
		return x.names, nil
	}
	return x.names, x.values
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// dead is the condition that [table.Schema.Alive] does not hold for an item
// that is there; "" if nothing ever dies.
func (x *expression) dead(s *table.Schema, now string) string {
	if s.TTL == "" {
		return ""
	}
	ttl := x.name(s.TTL)
	return fmt.Sprintf("attribute_type(%s, %s) AND %s <= %s", ttl, x.value(text("N")),
		ttl, x.value(&types.AttributeValueMemberN{Value: now}))
}

// condition is that the item is there, alive, and meets the checks.
func (x *expression) condition(s *table.Schema, now string, checks []table.Check) *string {
	terms := []string{fmt.Sprintf("attribute_exists(%s)", x.name(s.Key.Name))}
	if dead := x.dead(s, now); dead != "" {
		terms = append(terms, "NOT ("+dead+")")
	}
	for _, c := range checks {
		switch name := x.name(c.Attribute); c.Op {
		case table.OpAbsent:
			terms = append(terms, fmt.Sprintf("attribute_not_exists(%s)", name))
		case table.OpEquals:
			terms = append(terms, name+" = "+x.value(c.Value))
		case table.OpBelow:
			terms = append(terms, name+" < "+x.value(c.Value))
		}
	}
	return aws.String(strings.Join(terms, " AND "))
}

// putItem creates: it replaces what is dead, and nothing else.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
func putItem(s *table.Schema, w table.Put) *dynamodb.PutItemInput {
	x := newExpression()
	condition := fmt.Sprintf("attribute_not_exists(%s)", x.name(s.Key.Name))
	if dead := x.dead(s, table.EpochSeconds(w.Now)); dead != "" {
		condition += " OR (" + dead + ")"
	}
	in := &dynamodb.PutItemInput{
		TableName:                           &s.Table,
		Item:                                w.Item,
		ConditionExpression:                 &condition,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
	}
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = x.maps()
	return in
}

// getItem reads one item.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html
func getItem(s *table.Schema, key types.AttributeValue, consistent bool) *dynamodb.GetItemInput {
	return &dynamodb.GetItemInput{
		TableName:              &s.Table,
		Key:                    table.Item{s.Key.Name: key},
		ConsistentRead:         &consistent,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	}
}

// updateItem changes an item that is there. The condition names the key, or
// UpdateItem would make one that is not.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
func updateItem(s *table.Schema, u table.Update) *dynamodb.UpdateItemInput {
	x := newExpression()
	var clauses, sets, removes []string
	for _, attribute := range slices.Sorted(maps.Keys(u.Set)) {
		sets = append(sets, x.name(attribute)+" = "+x.value(u.Set[attribute]))
	}
	for _, attribute := range slices.Sorted(slices.Values(u.Remove)) {
		removes = append(removes, x.name(attribute))
	}
	if sets != nil {
		clauses = append(clauses, "SET "+strings.Join(sets, ", "))
	}
	if removes != nil {
		clauses = append(clauses, "REMOVE "+strings.Join(slices.Compact(removes), ", "))
	}
	in := &dynamodb.UpdateItemInput{
		TableName:                           &s.Table,
		Key:                                 table.Item{s.Key.Name: u.Key},
		UpdateExpression:                    aws.String(strings.Join(clauses, " ")),
		ConditionExpression:                 x.condition(s, table.EpochSeconds(u.Now), u.If),
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
	}
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = x.maps()
	return in
}

// deleteItem removes an item that is there.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteItem.html
func deleteItem(s *table.Schema, d table.Delete) *dynamodb.DeleteItemInput {
	x := newExpression()
	in := &dynamodb.DeleteItemInput{
		TableName:                           &s.Table,
		Key:                                 table.Item{s.Key.Name: d.Key},
		ConditionExpression:                 x.condition(s, table.EpochSeconds(d.Now), d.If),
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		ReturnConsumedCapacity:              types.ReturnConsumedCapacityTotal,
	}
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = x.maps()
	return in
}

// query reads a partition of an index.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html
func query(s *table.Schema, q table.Query) *dynamodb.QueryInput {
	x := newExpression()
	condition := x.name(q.Index.Hash) + " = " + x.value(q.Hash)
	if q.From != nil {
		operator := " <= "
		if q.Oldest {
			operator = " >= "
		}
		condition += " AND " + x.name(q.Index.Range) + operator + x.value(q.From)
	}
	in := &dynamodb.QueryInput{
		TableName:              &s.Table,
		IndexName:              &q.Index.Name,
		KeyConditionExpression: &condition,
		ScanIndexForward:       &q.Oldest,
		Limit:                  aws.Int32(int32(q.Limit)),
		ExclusiveStartKey:      q.After,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	}
	in.ExpressionAttributeNames, in.ExpressionAttributeValues = x.maps()
	return in
}

// scan reads a megabyte's worth of the table, which is what a page has.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
func scan(s *table.Schema, start table.Item) *dynamodb.ScanInput {
	return &dynamodb.ScanInput{
		TableName:              &s.Table,
		ExclusiveStartKey:      start,
		ConsistentRead:         aws.Bool(true),
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	}
}

// createTable makes the table with all its declared indexes.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
func createTable(s *table.Schema, c table.Capacity) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName:            &s.Table,
		KeySchema:            keySchema(s.Key.Name, ""),
		AttributeDefinitions: attributeDefinitions(s, s.Indexes...),
		BillingMode:          types.BillingModePayPerRequest,
	}
	throughput := throughputOf(c)
	if throughput != nil {
		in.BillingMode, in.ProvisionedThroughput = types.BillingModeProvisioned, throughput
	}
	for _, i := range s.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: &i.Name, KeySchema: keySchema(i.Hash, i.Range), Projection: projectionOf(i),
			ProvisionedThroughput: throughput,
		})
	}
	return in
}

func throughputOf(c table.Capacity) *types.ProvisionedThroughput {
	if c == (table.Capacity{}) {
		return nil
	}
	return &types.ProvisionedThroughput{ReadCapacityUnits: &c.ReadUnits, WriteCapacityUnits: &c.WriteUnits}
}

// createIndex adds one index; DynamoDB takes no more at a time. An index of a
// table with given capacity gets as much as the table has.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
func createIndex(s *table.Schema, i table.Index, throughput *types.ProvisionedThroughput) *dynamodb.UpdateTableInput {
	return &dynamodb.UpdateTableInput{
		TableName:            &s.Table,
		AttributeDefinitions: attributeDefinitions(s, i),
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{
			IndexName: &i.Name, KeySchema: keySchema(i.Hash, i.Range), Projection: projectionOf(i),
			ProvisionedThroughput: throughput,
		}}},
	}
}

func keySchema(hash, rng string) []types.KeySchemaElement {
	elements := []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}}
	if rng != "" {
		elements = append(elements, types.KeySchemaElement{AttributeName: &rng, KeyType: types.KeyTypeRange})
	}
	return elements
}

// attributeDefinitions lists the keys of table and indexes: any other
// attribute here is refused.
func attributeDefinitions(s *table.Schema, indexes ...table.Index) []types.AttributeDefinition {
	kinds := map[string]string{s.Key.Name: s.Key.Type}
	for _, i := range indexes {
		for _, name := range []string{i.Hash, i.Range} {
			if a, ok := s.Attribute(name); ok {
				kinds[name] = a.Type
			}
		}
	}
	var definitions []types.AttributeDefinition
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		definitions = append(definitions, types.AttributeDefinition{
			AttributeName: aws.String(name), AttributeType: types.ScalarAttributeType(kinds[name]),
		})
	}
	return definitions
}

func projectionOf(i table.Index) *types.Projection {
	return &types.Projection{ProjectionType: types.ProjectionType(i.Projection), NonKeyAttributes: i.Include}
}
