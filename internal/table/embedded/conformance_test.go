package embedded_test

import (
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/table"
	"github.com/statusd/statusd/internal/table/embedded"
	"github.com/statusd/statusd/internal/table/enginetest"
)

// observers hands the calls of one engine on to those who asked for them.
type observers struct {
	mu  sync.Mutex
	all []table.Observer
}

func (o *observers) observe(c table.Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, one := range o.all {
		one(c)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	var told observers
	e, err := embedded.Open(filepath.Join(t.TempDir(), "statusd.db"), embedded.Observe(told.observe))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	var names int
	enginetest.Run(t, enginetest.Harness{
		Engine: func(_ *testing.T, o table.Observer) table.Engine {
			told.mu.Lock()
			defer told.mu.Unlock()
			told.all = append(told.all, o)
			return e
		},
		Table: func(*testing.T) string {
			told.mu.Lock()
			defer told.mu.Unlock()
			names++
			return "Table." + strconv.Itoa(names)
		},
	})
}
