package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// judge tells of what can be read, but not be so: the name of a variable,
// without the prefix, and the reason.
func (c *Config) judge(tell func(name, reason string)) {
	unless := func(ok bool, name, format string, args ...any) {
		if !ok {
			tell(name, fmt.Sprintf(format, args...))
		}
	}
	unless(isAddress(c.Addr), "ADDR", "is %q, not host:port", c.Addr)
	unless(c.Store == Embedded || c.Store == DynamoDB, "STORE", "is %q, not %s or %s", c.Store, Embedded, DynamoDB)
	unless(isTableName(c.Table), "TABLE", "is %q; a name has 3 to 255 characters of A-Z a-z 0-9 _ . -", c.Table)
	if c.DynamoDBEndpoint != "" {
		unless(isURL(c.DynamoDBEndpoint), "DYNAMODB_ENDPOINT", "is %q, not a URL like http://127.0.0.1:8000", c.DynamoDBEndpoint)
		unless(c.Store != Embedded, "DYNAMODB_ENDPOINT", "is given, but %sSTORE is %s", prefix, Embedded)
	}
	unless(1 <= c.StatusShards && c.StatusShards <= 64, "STATUS_SHARDS", "is %d, not 1 to 64", c.StatusShards)
	for name, most := range map[string]int{
		"RATE_LIMIT": c.RateLimit, "ADDRESS_RATE_LIMIT": c.AddressRateLimit, "MAX_IN_FLIGHT": c.MaxInFlight,
		"MAX_WATCHERS_EACH": c.MaxWatchersEach, "MAX_CONNECTIONS": c.MaxConnections,
	} {
		unless(most >= 0, name, "is %d, below 0", most)
	}
	unless(c.MaxWatchers > 0, "MAX_WATCHERS", "is %d, not above 0", c.MaxWatchers)
	for name, span := range map[string]time.Duration{
		"LATE_AFTER": c.LateAfter, "STALE_AFTER": c.StaleAfter, "FRESHNESS": c.Freshness,
		"REQUEST_TIMEOUT": c.RequestTimeout, "SHUTDOWN_TIMEOUT": c.ShutdownTimeout,
	} {
		unless(span > 0, name, "is %s, not above 0", span)
	}
	for name, span := range map[string]time.Duration{
		"RETENTION": c.Retention, "ABANDON_AFTER": c.AbandonAfter, "DRAIN_DELAY": c.DrainDelay, "STALLED_AFTER": c.StalledAfter,
	} {
		unless(span >= 0, name, "is %s, below 0", span)
	}
	unless(c.StaleAfter > c.LateAfter, "STALE_AFTER", "is %s, not above %sLATE_AFTER (%s)", c.StaleAfter, prefix, c.LateAfter)
	unless(c.AbandonAfter == 0 || c.AbandonAfter > c.StaleAfter,
		"ABANDON_AFTER", "is %s, not above %sSTALE_AFTER (%s)", c.AbandonAfter, prefix, c.StaleAfter)
	unless(!slices.ContainsFunc(c.AllowedHosts, func(name string) bool { return name == "" || strings.ContainsAny(name, " /:") }),
		"ALLOWED_HOSTS", "is %q, not names with commas between", strings.Join(c.AllowedHosts, ","))
	c.judgeAccess(unless)
	level, err := zerolog.ParseLevel(c.LogLevel)
	unless(err == nil && zerolog.DebugLevel <= level && level <= zerolog.ErrorLevel,
		"LOG_LEVEL", "is %q, not debug, info, warn or error", c.LogLevel)
	unless(c.LogFormat == "json" || c.LogFormat == "console", "LOG_FORMAT", "is %q, not json or console", c.LogFormat)
}

func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// isTableName follows DynamoDB's naming rules.
func isTableName(text string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
	return 3 <= len(text) && len(text) <= 255 && strings.Trim(text, allowed) == ""
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
