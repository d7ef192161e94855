package config

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// load reads a configuration of these variables alone, named without prefix.
func load(environ ...string) (Config, error) {
	var full []string
	for _, pair := range environ {
		full = append(full, prefix+pair)
	}
	return Load(append(full, "HOME=/nowhere"), true)
}

func TestWithoutVariablesTheDefaultsHold(t *testing.T) {
	t.Parallel()
	c, err := load()
	require.NoError(t, err)
	require.Equal(t, Config{
		Addr: "127.0.0.1:8080", Store: Embedded, Data: "data/statusd.db", Table: "status-table", CreateTable: true,
		StatusShards: 1, Retention: 720 * time.Hour, AbandonAfter: 2160 * time.Hour,
		LateAfter: 2 * time.Minute, StaleAfter: 10 * time.Minute, StalledAfter: 30 * time.Minute, Freshness: time.Second, MaxWatchers: 20000,
		OIDCOwnerClaim: "sub", OIDCScopeClaim: "scope", RateLimit: 1000, AddressRateLimit: 50,
		MaxInFlight: 2000, MaxWatchersEach: 1000, MaxConnections: 25000,
		RequestTimeout: 10 * time.Second, ShutdownTimeout: 15 * time.Second, LogLevel: "info", LogFormat: "json",
	}, c)
}

func TestVariablesAreRead(t *testing.T) {
	t.Parallel()
	c, err := load("ADDR=:80", "AUTH=none", "STORE=dynamodb", "DYNAMODB_ENDPOINT=http://127.0.0.1:8000", "STATUS_SHARDS=4",
		"RETENTION=0", "ALLOWED_HOSTS=a.example.com, *.b.example.com", "SERVER=http://a.example.com", "TOKEN=x", "ATTEMPT=1", "TEST_ANYTHING=", "LOG_LEVEL=warn")
	require.NoError(t, err)
	require.Equal(t, ":80", c.Addr)
	require.Equal(t, 4, c.StatusShards)
	require.Zero(t, c.Retention)
	require.Equal(t, []string{"a.example.com", "*.b.example.com"}, c.AllowedHosts)
}

func TestATableIsNotMadeOnAWSUnlessAskedFor(t *testing.T) {
	t.Parallel()
	for environ, want := range map[string]bool{
		"STORE=embedded": true,
		"STORE=dynamodb": false,
		"STORE=dynamodb DYNAMODB_ENDPOINT=http://127.0.0.1:8000": true,
		"STORE=dynamodb CREATE_TABLE=true":                       true,
		"STORE=embedded CREATE_TABLE=false":                      false,
	} {
		t.Run(environ, func(t *testing.T) {
			c, err := load(strings.Fields(environ)...)
			require.NoError(t, err)
			require.Equal(t, want, c.CreateTable)
		})
	}
}

func TestEveryFaultIsToldAtOnceByName(t *testing.T) {
	t.Parallel()
	_, err := load("ADDR=nowhere", "STORE=redis", "STATUS_SHARDS=many", "CREATE_TABLE=perhaps", "RETENTION=-1h",
		"LATE_AFTER=20m", "FRESHNESS=soon", "REQUEST_TIMEOUT=0s", "LOG_LEVEL=loud", "LOG_FORMAT=xml", "DYNAMODB_ENDPOINT=localhost:8000",
		"DRAIN_DELAY=-1s", "ABANDON_AFTER=5m", "MAX_WATCHERS=0")
	var faults FaultsError
	require.ErrorAs(t, err, &faults)
	reasons := make(map[string]string)
	for _, f := range faults {
		require.NotContains(t, reasons, f.Variable, "one reason each")
		reasons[f.Variable] = f.Reason
	}
	require.Equal(t, map[string]string{
		"STATUSD_ADDR":              `is "nowhere", not host:port`,
		"STATUSD_STORE":             `is "redis", not embedded or dynamodb`,
		"STATUSD_STATUS_SHARDS":     `is "many", not an integer`,
		"STATUSD_CREATE_TABLE":      `is "perhaps", not true or false`,
		"STATUSD_RETENTION":         `is -1h0m0s, below 0`,
		"STATUSD_STALE_AFTER":       `is 10m0s, not above STATUSD_LATE_AFTER (20m0s)`,
		"STATUSD_FRESHNESS":         `is "soon", not a time span, like 90s or 12h`,
		"STATUSD_REQUEST_TIMEOUT":   `is 0s, not above 0`,
		"STATUSD_MAX_WATCHERS":      `is 0, not above 0`,
		"STATUSD_LOG_LEVEL":         `is "loud", not debug, info, warn or error`,
		"STATUSD_LOG_FORMAT":        `is "xml", not json or console`,
		"STATUSD_DYNAMODB_ENDPOINT": `is "localhost:8000", not a URL like http://127.0.0.1:8000`,
		"STATUSD_DRAIN_DELAY":       `is -1s, below 0`,
		"STATUSD_ABANDON_AFTER":     `is 5m0s, not above STATUSD_STALE_AFTER (10m0s)`,
	}, reasons)
}

func TestVariablesThatAreUnknownOrEmptyAreFaultsBesideTheOthers(t *testing.T) {
	t.Parallel()
	_, err := load("ADR=:80", "TABLE=", "LATE_AFTER= ", "LOG_FORMAT=xml", "PORT=8080")
	require.Equal(t, FaultsError{
		{"STATUSD_ADR", "is no variable of statusd; is STATUSD_ADDR meant?"},
		{"STATUSD_LATE_AFTER", "is set, but empty"},
		{"STATUSD_LOG_FORMAT", `is "xml", not json or console`},
		{"STATUSD_PORT", "is no variable of statusd (statusd -h lists them)"},
		{"STATUSD_TABLE", "is set, but empty"},
	}, err)
	require.EqualError(t, FaultsError{{"A", "is b"}, {"C", "is d"}}, "A is b; C is d")
}

func TestTheVariableThatMayBeMeantIsNamed(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"LOGLEVEL": "; is STATUSD_LOG_LEVEL meant?", "RETENTON": "; is STATUSD_RETENTION meant?",
		"ALLOWED_HOST": "; is STATUSD_ALLOWED_HOSTS meant?", "TTL": " (statusd -h lists them)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(name + "=1")
			require.EqualError(t, err, "STATUSD_"+name+" is no variable of statusd"+want)
		})
	}
}

func TestVariablesThatKubernetesMakesForAServiceOfThisNameArePassedOver(t *testing.T) {
	t.Parallel()
	_, err := load("SERVICE_HOST=10.0.0.7", "SERVICE_PORT=80", "SERVICE_PORT_HTTP=80", "PORT=tcp://10.0.0.7:80",
		"PORT_80_TCP=tcp://10.0.0.7:80", "PORT_80_TCP_ADDR=10.0.0.7",
		"DYNAMODB_SERVICE_HOST=10.0.0.8", "DYNAMODB_PORT=tcp://10.0.0.8:8000", "DYNAMODB_PORT_8000_TCP_PROTO=tcp")
	require.NoError(t, err)
}

func TestWhatCantBeIsAFault(t *testing.T) {
	t.Parallel()
	for pair, want := range map[string]string{
		"ADDR=localhost":                 `STATUSD_ADDR is "localhost", not host:port`,
		"ADDR=:99999":                    `STATUSD_ADDR is ":99999", not host:port`,
		"STATUS_SHARDS=0":                `STATUSD_STATUS_SHARDS is 0, not 1 to 64`,
		"STATUS_SHARDS=65":               `STATUSD_STATUS_SHARDS is 65, not 1 to 64`,
		"TABLE=a b":                      `STATUSD_TABLE is "a b"; a name has 3 to 255 characters of A-Z a-z 0-9 _ . -`,
		"LATE_AFTER=0s":                  `STATUSD_LATE_AFTER is 0s, not above 0`,
		"STALE_AFTER=2m":                 `STATUSD_STALE_AFTER is 2m0s, not above STATUSD_LATE_AFTER (2m0s)`,
		"ALLOWED_HOSTS=a,,b":             `STATUSD_ALLOWED_HOSTS is "a,,b", not names with commas between`,
		"ALLOWED_HOSTS=a:80":             `STATUSD_ALLOWED_HOSTS is "a:80", not names with commas between`,
		"DYNAMODB_ENDPOINT=http://db:80": `STATUSD_DYNAMODB_ENDPOINT is given, but STATUSD_STORE is embedded`,
		"LOG_LEVEL=trace":                `STATUSD_LOG_LEVEL is "trace", not debug, info, warn or error`,
	} {
		t.Run(pair, func(t *testing.T) {
			t.Parallel()
			_, err := load(pair)
			require.EqualError(t, err, want)
		})
	}
}

func TestEveryVariableIsInTheUsageWithDefaultAndMeaning(t *testing.T) {
	t.Parallel()
	for _, v := range Variables() {
		require.NotEmpty(t, v.Meaning, v.Name)
		require.Regexp(t, `(?m)^  `+v.Name+` +`+v.Default+` +`+regexp.QuoteMeta(v.Meaning)+`$`, Usage())
	}
}
