package dynamotest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
)

// change reads the capacity in an answer, and changes it where that was asked
// for.
func (p *Proxy) change(r *http.Response) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	operation := operationOf(r.Request)
	var answer map[string]any
	if json.Unmarshal(body, &answer) == nil && r.StatusCode == http.StatusOK {
		p.mu.Lock()
		p.units[operation] += unitsIn(answer["ConsumedCapacity"])
		if p.edit(operation, r.Request, answer) {
			body, err = json.Marshal(answer)
			r.Header.Del("X-Amz-Crc32") // of the answer as it was
		}
		p.mu.Unlock()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Del("Content-Length")
	return err
}

// unitsIn sums what one or several tables say of their capacity.
func unitsIn(consumed any) (sum float64) {
	switch c := consumed.(type) {
	case map[string]any:
		sum, _ = c["CapacityUnits"].(float64)
	case []any:
		for _, one := range c {
			sum += unitsIn(one)
		}
	}
	return sum
}

// edit changes an answer, and tells whether it did. It needs mu.
func (p *Proxy) edit(operation string, request *http.Request, answer map[string]any) bool {
	switch {
	case operation == "DescribeTable" && p.creating > 0:
		p.creating--
		description, _ := answer["Table"].(map[string]any)
		indexes, _ := description["GlobalSecondaryIndexes"].([]any)
		for _, index := range indexes {
			index.(map[string]any)["IndexStatus"] = "CREATING"
		}
		return true
	case operation == "Query" && len(p.hidden) > 0:
		items, _ := answer["Items"].([]any)
		answer["Items"] = slices.DeleteFunc(items, p.hides)
		return true
	case operation == "BatchGetItem" && p.unprocessed > 0:
		p.unprocessed--
		return leave(request.Context().Value(bodyKey{}).([]byte), answer)
	}
	return false
}

func (p *Proxy) hides(item any) bool {
	for _, attribute := range item.(map[string]any) {
		if text, ok := attribute.(map[string]any)["S"].(string); ok && slices.Contains(p.hidden, text) {
			return true
		}
	}
	return false
}

// leave takes one item out of each table's and names its key as unprocessed.
// The request tells which attribute is the key.
func leave(body []byte, answer map[string]any) bool {
	var request struct {
		RequestItems map[string]struct {
			Keys           []map[string]any
			ConsistentRead bool
		}
	}
	if json.Unmarshal(body, &request) != nil {
		return false
	}
	unprocessed := make(map[string]any)
	responses, _ := answer["Responses"].(map[string]any)
	for table, found := range responses {
		items := found.([]any)
		if len(items) == 0 {
			continue
		}
		last := items[len(items)-1].(map[string]any)
		responses[table] = items[:len(items)-1]
		asked := request.RequestItems[table]
		key := make(map[string]any)
		for name := range asked.Keys[0] {
			key[name] = last[name]
		}
		unprocessed[table] = map[string]any{"Keys": []any{key}, "ConsistentRead": asked.ConsistentRead}
	}
	answer["UnprocessedKeys"] = unprocessed
	return true
}
