// Package client reports to a statusd service, and asks it.
//
// Whatever a call needs is sent again, after pauses that grow, while the
// service is away or busy: until the context's deadline, or for 30 seconds if
// it has none. Sending a report twice does no harm. What the service says no to
// is an [*Error] at once.
//
// A training that must not wait for any of this has [Client.Track] report for
// it in the background.
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// DefaultServer is where a service listens that was started without
	// configuration.
	DefaultServer = "http://127.0.0.1:8080"

	patience  = 30 * time.Second // of a call whose context has no deadline
	tryFor    = 10 * time.Second // of one request, unless it waits for something
	mostBytes = 16 << 20         // of an answer
)

// Config says which service, and as whom.
type Config struct {
	Server    string       // its URL; DefaultServer if empty
	Token     string       // to show; none if empty
	TokenFile string       // file with the token, read for each request, as it may be exchanged; unless Token is given
	HTTP      *http.Client // to send by; redirects are not followed
	// Retrying, if given, is told of each failure after which a request is sent
	// again, and of nil once one is answered. It must return soon.
	Retrying func(error)
}

// FromEnvironment is the configuration by STATUSD_SERVER, STATUSD_TOKEN and
// STATUSD_TOKEN_FILE, as [os.Getenv] has them.
func FromEnvironment(getenv func(string) string) Config {
	return Config{Server: getenv("STATUSD_SERVER"), Token: getenv("STATUSD_TOKEN"), TokenFile: getenv("STATUSD_TOKEN_FILE")}
}

// Client is safe for use by many goroutines.
type Client struct {
	base     string
	config   Config
	http     *http.Client
	troubled atomic.Bool // as Retrying was told
}

// New returns a client. It asks the service nothing yet.
func New(c Config) (*Client, error) {
	base, err := url.Parse(cmp.Or(c.Server, DefaultServer))
	switch {
	case err != nil:
		return nil, fmt.Errorf("server: %w", errors.Unwrap(err)) // without the URL, which may hold a password
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, fmt.Errorf("server %s is no URL like %s", base.Redacted(), DefaultServer)
	}
	client := http.Client{}
	if c.HTTP != nil {
		client = *c.HTTP
	}
	// A report that is redirected may become a GET, and so get lost; and the
	// token is for nobody else.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: strings.TrimRight(base.String(), "/"), config: c, http: &client}, nil
}

// request is what is sent, perhaps several times.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	body         []byte // JSON, if any
	lasts        time.Duration
}

func path(id string, rest ...string) string {
	return "/status/" + url.PathEscape(id) + strings.Join(rest, "")
}

// once sends a request. Its error is the service's, an *Error, or says why
// there is no answer. Whoever gets an answer closes its body.
func (c *Client) once(ctx context.Context, r request) (*http.Response, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	q, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	for name, values := range r.header {
		q.Header[name] = values
	}
	if r.body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	q.Header.Set("User-Agent", "statusd-client")
	token := c.config.Token
	if token == "" && c.config.TokenFile != "" {
		text, err := os.ReadFile(c.config.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("token: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errToken
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := c.http.Do(q)
	if err != nil {
		return nil, withoutURL(err)
	}
	if !comesAgain(answer.StatusCode) {
		c.retrying(nil)
	}
	if answer.StatusCode >= http.StatusMultipleChoices && answer.StatusCode != http.StatusNotModified {
		defer answer.Body.Close()
		return nil, errorOf(answer)
	}
	return answer, nil
}

// withoutURL is an error without what the caller knows, and what may hold a
// password.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// do sends a request until it is answered, and reads the answer.
func (c *Client) do(ctx context.Context, r request, read func(*http.Response) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	pause := pauses()
	var before error
	for {
		err := c.try(ctx, r, read)
		if err == nil || !passing(err) {
			return err
		}
		if before != nil && errors.Is(err, ctx.Err()) {
			return before // which says more than that time is up
		}
		before = err
		wait := max(pause.NextBackOff(), retryAfter(err))
		if deadline, _ := ctx.Deadline(); ctx.Err() != nil || time.Until(deadline) < wait {
			return err // there will be no time for another
		}
		c.retrying(err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// try sends a request once, in bounded time, and reads the answer.
func (c *Client) try(ctx context.Context, r request, read func(*http.Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.lasts, tryFor))
	defer cancel()
	answer, err := c.once(ctx, r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	answer.Body = io.NopCloser(io.LimitReader(answer.Body, mostBytes))
	return read(answer)
}

// retrying tells of a failure, or that it is over.
func (c *Client) retrying(err error) {
	if was := c.troubled.Swap(err != nil); c.config.Retrying != nil && (was || err != nil) {
		c.config.Retrying(err)
	}
}

// pauses grow from some 0.25 s to some 15 s.
func pauses() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval: 250 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 10 * time.Second,
	}
}

// passing tells whether a failure may be another thing the next time.
func passing(err error) bool {
	var answered *Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &answered):
		return comesAgain(answered.Status)
	case errors.As(err, &certificate), errors.Is(err, os.ErrNotExist), errors.Is(err, context.Canceled),
		errors.Is(err, errStrange), errors.Is(err, errToken):
		return false
	}
	return true
}

// comesAgain tells whether an answer asks for the same again, later.
func comesAgain(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// errToken is a token that can't be shown.
var errToken = errors.New("token: it has characters that no token has")

// errStrange is an answer that statusd does not give.
var errStrange = errors.New("the answer is none of statusd's: is the server's URL right?")

// readRecord has a record read from an answer.
func readRecord(to *Record) func(*http.Response) error {
	return func(answer *http.Response) error { return readJSON(answer, to) }
}

func readJSON(answer *http.Response, to any) error {
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%w (%s)", errStrange, answer.Header.Get("Content-Type"))
	}
	return nil
}
