package store

import (
	"hash/fnv"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table"
)

// The indexes that the tags of row and model.Record declare.
const (
	indexByStatus = "by_status"
	indexByOwner  = "by_owner"
)

// row is a record as the table holds it, and what only storage needs.
type row struct {
	model.Record
	// StatusShard is <status>#<n>, the hash of by_status.
	StatusShard string `dynamodbav:"status_shard,omitempty" table:"index=by_status:keys_only"`
	// WriteID is random for each update that is written, so that a lost answer
	// can be told from a conflict.
	WriteID string `dynamodbav:"write_id,omitempty"`

	older *older // how it was found, if an older writer left it
}

// older is what a record of the older layout is locked by: it has no version.
type older struct{ status, timestamp types.AttributeValue }

// lock returns the conditions under which the row is still as it was seen.
func (r *row) lock() []table.Condition {
	if r.older != nil {
		return []table.Condition{
			table.Absent("version"),
			table.Equals("status", r.older.status),
			equalsOrAbsent("timestamp", r.older.timestamp),
		}
	}
	// A job deleted and made anew within a millisecond may have the version
	// again, but not the write.
	if r.WriteID == "" {
		return []table.Condition{table.VersionIs(r.Version), table.Absent("write_id")}
	}
	return []table.Condition{table.VersionIs(r.Version), table.Equals("write_id", r.WriteID)}
}

func equalsOrAbsent(attribute string, value types.AttributeValue) table.Condition {
	if value == nil {
		return table.Absent(attribute)
	}
	return table.Equals(attribute, value)
}

// UpgradeItem reads the items that older writers of the same table left: only
// request_id, a status in capitals, and a timestamp of any form.
func (r *row) UpgradeItem(item table.Item) table.Item {
	if _, versioned := item["version"]; versioned {
		return item
	}
	r.older = &older{status: item["status"], timestamp: item["timestamp"]}
	entered := olderTime(item["timestamp"])
	stamp := &types.AttributeValueMemberS{Value: model.FormatTime(entered)}
	upgraded := maps.Clone(item)
	upgraded["timestamp"] = stamp
	upgraded["created_at"], upgraded["updated_at"] = stamp, stamp
	upgraded["attempt"] = &types.AttributeValueMemberN{Value: "1"}
	upgraded["version"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(entered.UnixMilli(), 10)}
	if text, ok := item["status"].(*types.AttributeValueMemberS); ok {
		if status, ok := model.ParseStatus(text.Value); ok {
			upgraded["status"] = &types.AttributeValueMemberS{Value: string(status)}
		}
	}
	upgraded["history"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{
		&types.AttributeValueMemberM{Value: table.Item{
			"status": upgraded["status"], "attempt": upgraded["attempt"], "timestamp": stamp,
		}},
	}}
	return upgraded
}

// olderLayouts are the forms in which programs write a time as text; those
// without a zone mean UTC.
var olderLayouts = []string{
	time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700", "2006-01-02 15:04:05",
	"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
	time.RFC1123Z, time.RFC1123, time.ANSIC, time.UnixDate,
	"2006/01/02 15:04:05", "20060102T150405Z", "20060102T150405", "20060102150405",
}

// olderTime reads an older writer's time as well as it can be: what can't be
// read is the epoch, which is earlier than everything.
func olderTime(av types.AttributeValue) time.Time {
	var text string
	switch av := av.(type) {
	case *types.AttributeValueMemberS:
		text = strings.TrimSpace(av.Value)
	case *types.AttributeValueMemberN:
		text = av.Value
	}
	for _, layout := range olderLayouts {
		if t, err := time.Parse(layout, text); err == nil && t.Unix() >= 0 && t.Year() < 10000 {
			return t.UTC().Truncate(time.Millisecond)
		}
	}
	seconds, err := strconv.ParseFloat(text, 64)
	// Epoch seconds of our time have ten digits, milliseconds thirteen.
	if seconds >= 1e11 {
		seconds /= 1000
	}
	if err != nil || !(seconds > 0 && seconds < 1e11) {
		return time.Unix(0, 0).UTC()
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC()
}

// shardOf returns the status_shard for a job that enters a status.
func shardOf(status model.Status, id string, shards int) string {
	h := fnv.New32a()
	h.Write([]byte(id))
	return shardName(status, int(h.Sum32()%uint32(shards)))
}

func shardName(status model.Status, n int) string {
	return string(status) + "#" + strconv.Itoa(n)
}
