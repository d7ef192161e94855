package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/statusd/statusd/internal/config"
)

// healthTimeout is how long a healthcheck waits for its answer.
const healthTimeout = 4 * time.Second

// healthcheck asks the service at the configured address.
func healthcheck(ctx context.Context, c config.Config, _ []string, stdout, _ io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+reachable(c.Addr)+"/healthz", nil)
	if err != nil {
		return err
	}
	// By no proxy. The certificate is for another name than this address, and
	// nothing is said that others must not know.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", request.URL, answer.Status)
	}
	_, err = fmt.Fprintln(stdout, "ok")
	return err
}

// reachable returns where to reach what listens on this address: a wildcard,
// of IPv6 as well, takes what comes to IPv4's loopback.
func reachable(addr string) string {
	host, port, _ := net.SplitHostPort(addr) // config has tested it
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
