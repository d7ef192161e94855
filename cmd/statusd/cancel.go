package main

import (
	"context"
	"fmt"

	"github.com/statusd/statusd/client"
	"github.com/statusd/statusd/internal/human"
)

// cancelJob asks a running job to stop.
func cancelJob(ctx context.Context, call clientCall) error {
	a := call.asking("cancel")
	reason := a.set.String("reason", "", "`why`")
	attempt := a.set.Int64("attempt", 0, "`number` of the only attempt to stop; whichever runs, if not given")
	within := a.set.Duration("timeout", lookFor, "how `long` to try")
	ids, err := a.parse("ID")
	if err != nil {
		return err
	}
	var r client.Record
	if err := a.look(ctx, *within, func(ctx context.Context, c *client.Client) (err error) {
		r, err = c.Cancel(ctx, ids[0], *reason, *attempt)
		return err
	}); err != nil {
		return err
	}
	id := human.Harmless(r.RequestID)
	_, err = fmt.Fprintf(a.stdout, "%s, attempt %d, is asked to stop. It is over when its worker says so: statusd watch %[1]s\n",
		id, r.Attempt)
	return err
}
