package api

import (
	"io"
	"net/http"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// BenchmarkHotRecord compares reading one record that many want, with all that
// surrounds it, with a handler that only returns the same bytes.
func BenchmarkHotRecord(b *testing.B) {
	s := start(b, func(c *Config) { c.Log = zerolog.New(io.Discard) })
	s.clock.runs = true
	s.posted("bert-17", `{"status":"in-progress","progress":"3/10 epochs","message":"loss 0.31","owner":"vision"}`)
	body := []byte(s.get("/status/bert-17").body)
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	for name, url := range map[string]string{"statusd": s.url, "bare": serve(b, bare)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				client := &http.Client{Transport: &http.Transport{}}
				defer client.CloseIdleConnections()
				for pb.Next() {
					response, err := client.Get(url + "/status/bert-17")
					require.NoError(b, err)
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
			})
		})
	}
}
