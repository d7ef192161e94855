package store

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table/embedded"
)

// BenchmarkHeartbeat reports progress of 64 jobs at once.
func BenchmarkHeartbeat(b *testing.B) {
	engine, err := embedded.Open(filepath.Join(b.TempDir(), "statusd.db"))
	require.NoError(b, err)
	defer engine.Close()
	s, err := New(engine, Config{Table: "jobs", Exclusive: true})
	require.NoError(b, err)
	require.NoError(b, s.CreateTable(b.Context()))
	var workers atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		id, n := fmt.Sprint("job-", workers.Add(1)), 0.0
		for pb.Next() {
			n++
			total := 1e9
			u := model.Update{Status: model.InProgress, Attempt: 1, Progress: &model.Progress{Current: n, Total: &total, Unit: "step"}}
			if _, err := s.Apply(b.Context(), id, u, When{}); err != nil {
				b.Error(err)
			}
		}
	})
}
