package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/statusd/statusd/internal/api"
	"github.com/statusd/statusd/internal/config"
	"github.com/statusd/statusd/internal/limit"
	"github.com/statusd/statusd/internal/watch"
)

// The server's patience with slow clients. An answer may take as long as the
// store is allowed to, and then a while to be sent.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 30 * time.Second
	sendTimeout   = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	headerBytes   = 32 << 10
)

// serve runs the service until the context ends, and then lets what is in
// flight come to its end.
func serve(ctx context.Context, c config.Config, _ []string, _, stderr io.Writer) (err error) {
	log, flush := newLog(c, stderr)
	defer flush()
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return err
	}
	defer listener.Close() // again, where a server has done so
	listener = limit.NewListener(listener, c.MaxConnections, (3*c.MaxConnections+3)/4, c.Proxies())
	credentials, err := newAccess(c)
	if err != nil {
		return err
	}
	reloaded, stopReloading := context.WithCancel(ctx)
	defer stopReloading()
	go credentials.reload(reloaded, log)
	metrics := api.NewMetrics(prometheus.NewRegistry())
	s, closeStore, err := openStore(ctx, c, metrics.ObserveCall)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()

	watched := watch.New(s, watch.Config{Freshness: c.Freshness, Timeout: c.RequestTimeout, Most: c.MaxWatchers})
	var phase atomic.Int32 // an api.Phase
	server := newServer(c, log, leaving(&phase, api.New(api.Config{
		Store: s, Watch: watched, Auth: credentials.auth(), Metrics: metrics, Log: log, Clock: time.Now,
		Phase:          func() api.Phase { return api.Phase(phase.Load()) },
		RequestTimeout: c.RequestTimeout, Version: programVersion(),
		AllowedHosts: c.AllowedHosts, AllowedOrigins: c.AllowedOrigins, TrustedProxies: c.Proxies(),
		Limits: api.Limits{
			Rate: c.RateLimit, AddressRate: c.AddressRateLimit, InFlight: c.MaxInFlight, WatchersEach: c.MaxWatchersEach,
		},
	})))
	defer server.Close()
	// Health is told while the store is prepared; all else has to wait.
	failed := make(chan error, 1)
	server.TLSConfig = credentials.tls()
	go func() {
		if server.TLSConfig != nil {
			failed <- server.ServeTLS(listener, "", "")
			return
		}
		failed <- server.Serve(listener)
	}()
	if err := prepare(ctx, c, s, log); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it could begin
		}
		return err
	}
	phase.Store(int32(api.Serving))
	log.Info().Str("address", listener.Addr().String()).Str("store", c.Store).Str("table", c.Table).
		Str("version", programVersion()).Msg("serving")
	flush()

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	phase.Store(int32(api.Draining))
	log.Info().Stringer("delay", c.DrainDelay).Msg("stopping")
	time.Sleep(c.DrainDelay)
	ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.ShutdownTimeout)
	defer cancel()
	watched.Stop()
	// Shutdown knows nothing of connections that streams have taken over.
	if err := errors.Join(server.Shutdown(ended), watched.Wait(ended)); err != nil {
		return fmt.Errorf("requests were cut off: still in flight after %s", c.ShutdownTimeout)
	}
	log.Info().Msg("stopped")
	return nil
}

func newServer(c config.Config, log zerolog.Logger, handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      bodyTimeout + c.RequestTimeout + sendTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          stdlog.New(complaints{log}, "", 0),
	}
}

// leaving asks clients, with their last answers, to connect anew, elsewhere.
// Otherwise one could send a request just when its idle connection is closed.
func leaving(phase *atomic.Int32, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if api.Phase(phase.Load()) == api.Draining {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
