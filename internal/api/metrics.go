package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/statusd/statusd/internal/model"
	"github.com/statusd/statusd/internal/table"
)

// Metrics is what /metrics shows. See [NewMetrics].
type Metrics struct {
	handler      http.Handler
	requests     *prometheus.CounterVec
	durations    *prometheus.HistogramVec
	updates      *prometheus.CounterVec
	calls        *prometheus.CounterVec
	callDuration *prometheus.HistogramVec
	units        *prometheus.CounterVec
	watchers     *prometheus.GaugeVec
}

// NewMetrics registers the service's metrics, and those of the Go runtime and
// the process.
func NewMetrics(registry *prometheus.Registry) *Metrics {
	seconds := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	m := &Metrics{
		handler: promhttp.InstrumentMetricHandler(registry, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "statusd_http_requests_total", Help: "Requests answered.",
		}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "statusd_http_request_duration_seconds", Help: "Time to answer a request.", Buckets: seconds,
		}, []string{"route"}),
		updates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "statusd_updates_total", Help: "Updates by what the merge rule made of them.",
		}, []string{"outcome", "reason"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "statusd_store_calls_total", Help: "Requests to the store.",
		}, []string{"operation", "outcome"}),
		callDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "statusd_store_call_duration_seconds", Help: "Time of a request to the store.", Buckets: seconds,
		}, []string{"operation"}),
		units: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "statusd_store_consumed_units_total", Help: "Capacity units that the store says were consumed.",
		}, []string{"operation", "kind"}),
		watchers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "statusd_watchers", Help: "Clients that wait for changes of a record.",
		}, []string{"by"}),
	}
	registry.MustRegister(m.requests, m.durations, m.updates, m.calls, m.callDuration, m.units, m.watchers,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ObserveCall counts a request to the store: it is a [table.Observer].
func (m *Metrics) ObserveCall(c table.Call) {
	m.calls.WithLabelValues(c.Operation, callOutcome(c.Err)).Inc()
	m.callDuration.WithLabelValues(c.Operation).Observe(c.Duration.Seconds())
	if c.ReadUnits > 0 {
		m.units.WithLabelValues(c.Operation, "read").Add(c.ReadUnits)
	}
	if c.WriteUnits > 0 {
		m.units.WithLabelValues(c.Operation, "write").Add(c.WriteUnits)
	}
}

func callOutcome(err error) string {
	var condition *table.ConditionError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &condition):
		return "condition"
	case errors.Is(err, table.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "error"
}

func (m *Metrics) countUpdate(o model.Outcome) {
	m.updates.WithLabelValues(string(o.Kind), string(o.Reason)).Inc()
}

// countWatcher counts one who waits, by "wait" or by "stream", until done.
func (m *Metrics) countWatcher(by string) (done func()) {
	gauge := m.watchers.WithLabelValues(by)
	gauge.Inc()
	return gauge.Dec
}

func (m *Metrics) countRequest(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(knownMethod(method), route, strconv.Itoa(status)).Inc()
	m.durations.WithLabelValues(route).Observe(took.Seconds())
}

// knownMethod keeps what a client makes up out of the labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// metrics answers with them all: they are of all jobs, and not for those who
// may see but some.
func (s *server) metrics(x *exchange, r *http.Request) error {
	if !x.caller.Bound.None() {
		return x.outOfBounds()
	}
	s.config.Metrics.handler.ServeHTTP(x, r)
	return nil
}
