package table_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/statusd/statusd/internal/table"
	"github.com/statusd/statusd/internal/table/embedded"
)

type Relationship string

func (Relationship) Values() []string {
	return []string{"PARENT", "SIBLING", "FRIEND", "COLLEAGUE", "ACQUAINTANCE"}
}

type Person struct {
	PersonID     int          `dynamodbav:"person_id" table:"key"`
	Name         string       `dynamodbav:"name"`
	PhoneNumber  string       `dynamodbav:"phone_number"`
	Relationship Relationship `dynamodbav:"relationship"`
	Timestamp    time.Time    `dynamodbav:"timestamp"`
}

// A phone book: the struct is all that has to be said of its table.
func ExampleTable() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "phone-book")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	engine, err := embedded.Open(filepath.Join(folder, "phone-book.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()

	book, err := table.New[Person](engine, "phone-book")
	if err != nil {
		log.Fatal(err)
	}
	if err := book.CreateTable(ctx, table.Capacity{}); err != nil {
		log.Fatal(err)
	}
	err = book.CreateIndex(ctx, table.Index{Name: "by_relationship", Hash: "relationship", Range: "name"})
	fmt.Println("index:", err)

	noon := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	fmt.Println("create:", book.Create(ctx, Person{1, "Ada", "+44 20 7946 0001", "FRIEND", noon}))
	fmt.Println("again:", book.Create(ctx, Person{1, "Eve", "+44 20 7946 0666", "FRIEND", noon}))
	_, err = book.CreateFrom(ctx, map[string]any{"person_id": 2, "name": "Bob", "relationship": "NEMESIS"})
	fmt.Println("wrong:", err)

	ada, err := book.Update(ctx, 1, table.Changes{Set: map[string]any{"relationship": "COLLEAGUE"}})
	fmt.Println("update:", ada.Name, ada.Relationship, err)
	page, err := book.Query(ctx, table.Select{Index: "by_relationship", Hash: "COLLEAGUE", Limit: 10})
	fmt.Println("colleagues:", len(page.Records), err)
	_, err = book.Delete(ctx, 1)
	fmt.Println("delete:", err)
	_, err = book.Get(ctx, 1)
	fmt.Println("gone:", errors.Is(err, table.ErrNotFound))
	// Output:
	// index: <nil>
	// create: <nil>
	// again: the record exists already
	// wrong: table phone-book: phone_number: missing; relationship: "NEMESIS" is none of PARENT, SIBLING, FRIEND, COLLEAGUE, ACQUAINTANCE; timestamp: missing
	// update: Ada COLLEAGUE <nil>
	// colleagues: 1 <nil>
	// delete: <nil>
	// gone: true
}
