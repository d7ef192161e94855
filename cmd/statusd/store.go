package main

import (
	"context"
	"errors"

	"github.com/statusd/statusd/internal/config"
	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/store"
	"github.com/statusd/statusd/internal/table"
	"github.com/statusd/statusd/internal/table/dynamo"
	"github.com/statusd/statusd/internal/table/embedded"
)

// openStore returns the status store on the engine that is configured, and
// what closes it.
func openStore(ctx context.Context, c config.Config, observe table.Observer) (*store.Store, func() error, error) {
	engine, closeEngine, err := openEngine(ctx, c, observe)
	if err != nil {
		return nil, nil, err
	}
	s, err := store.New(engine, store.Config{
		Table:   c.Table,
		Policy:  model.Policy{Retention: c.Retention, AbandonAfter: c.AbandonAfter},
		Silence: model.Silence{LateAfter: c.LateAfter, StaleAfter: c.StaleAfter, StalledAfter: c.StalledAfter},
		Shards:  c.StatusShards,
		// The embedded engine lets nobody else near its file.
		Exclusive: c.Store == config.Embedded,
	})
	if err != nil {
		return nil, nil, errors.Join(err, closeEngine())
	}
	return s, closeEngine, nil
}

func openEngine(ctx context.Context, c config.Config, observe table.Observer) (table.Engine, func() error, error) {
	if c.Store == config.Embedded {
		e, err := embedded.Open(c.Data, embedded.Observe(observe))
		if err != nil {
			return nil, nil, err
		}
		return e, e.Close, nil
	}
	sdk, err := awsConfig(ctx, c.DynamoDBEndpoint)
	if err != nil {
		return nil, nil, err
	}
	client := dynamo.NewClient(sdk, c.DynamoDBEndpoint)
	return dynamo.New(client, dynamo.Observe(observe)), func() error { return nil }, nil
}
