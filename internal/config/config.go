// Package config knows the variables that statusd is configured by. They come
// from the environment, and are judged as a whole: whoever starts the service
// is told of every fault at once.
package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// prefix begins the name of every variable.
const prefix = "STATUSD_"

// The stores to choose from.
const (
	Embedded = "embedded"
	DynamoDB = "dynamodb"
)

// Config is all that can be configured.
type Config struct {
	Addr             string        `envconfig:"ADDR" default:"127.0.0.1:8080" desc:"address to listen on, host:port"`
	Store            string        `envconfig:"STORE" default:"embedded" desc:"embedded, a file on this machine, or dynamodb"`
	Data             string        `envconfig:"DATA" default:"data/statusd.db" desc:"file of the embedded store"`
	Table            string        `envconfig:"TABLE" default:"status-table" desc:"name of the table"`
	DynamoDBEndpoint string        `envconfig:"DYNAMODB_ENDPOINT" desc:"URL of DynamoDB Local or the like; AWS itself if not set"`
	CreateTable      bool          `envconfig:"CREATE_TABLE" desc:"create the table and its indexes at start (true, but false on AWS itself)"`
	StatusShards     int           `envconfig:"STATUS_SHARDS" default:"1" desc:"partitions of the status index, 1 to 64; may be raised at any time"`
	Retention        time.Duration `envconfig:"RETENTION" default:"720h" desc:"how long a finished job is kept; 0 for ever"`
	AbandonAfter     time.Duration `envconfig:"ABANDON_AFTER" default:"2160h" desc:"how long a running job is kept after its last report; 0 for ever"`
	LateAfter        time.Duration `envconfig:"LATE_AFTER" default:"2m" desc:"silence after which a running job counts as late"`
	StaleAfter       time.Duration `envconfig:"STALE_AFTER" default:"10m" desc:"silence after which a running job counts as stale"`
	StalledAfter     time.Duration `envconfig:"STALLED_AFTER" default:"30m" desc:"time without progress after which a job that reports counts as stalled, or five times as long as its progress took so far, if that is longer; 0 for never"`
	Freshness        time.Duration `envconfig:"FRESHNESS" default:"1s" desc:"how old an answer may be that another replica has changed"`
	MaxWatchers      int           `envconfig:"MAX_WATCHERS" default:"20000" desc:"clients that may wait for changes at a time, by stream or ?wait"`
	RequestTimeout   time.Duration `envconfig:"REQUEST_TIMEOUT" default:"10s" desc:"how long a request waits for the store, its retries included"`
	DrainDelay       time.Duration `envconfig:"DRAIN_DELAY" default:"0s" desc:"how long to go on serving after SIGTERM, while unready"`
	ShutdownTimeout  time.Duration `envconfig:"SHUTDOWN_TIMEOUT" default:"15s" desc:"how long requests in flight may take to end after that"`
	Auth             string        `envconfig:"AUTH" desc:"none: everybody may do everything. Otherwise what follows says who may, and without any of it only this machine is listened to"`
	Tokens           string        `envconfig:"TOKENS" desc:"file of tokens, a line each from statusd token new; read again when it changes"`
	SigningKeys      string        `envconfig:"SIGNING_KEYS" desc:"file of the keys of statusd token issue, a line each from statusd token key; read again when it changes"`
	OIDCIssuer       string        `envconfig:"OIDC_ISSUER" desc:"URL of an identity provider (OpenID Connect) whose tokens are accepted"`
	OIDCAudience     string        `envconfig:"OIDC_AUDIENCE" desc:"for whom its tokens have to be"`
	OIDCOwnerClaim   string        `envconfig:"OIDC_OWNER_CLAIM" default:"sub" desc:"claim that names the owner whose jobs somebody may see; dots lead into objects"`
	OIDCScopeClaim   string        `envconfig:"OIDC_SCOPE_CLAIM" default:"scope" desc:"claim that may hold statusd:write, or statusd:admin for the jobs of all"`
	TLSCert          string        `envconfig:"TLS_CERT" desc:"file of the certificate, with its chain, to speak TLS by; read again when it changes"`
	TLSKey           string        `envconfig:"TLS_KEY" desc:"file of its key"`
	TrustedProxies   []string      `envconfig:"TRUSTED_PROXIES" desc:"networks of proxies, like 10.0.0.0/8, whose X-Forwarded-For and -Proto are believed, with commas between"`
	AllowedOrigins   []string      `envconfig:"ALLOWED_ORIGINS" desc:"sites, like https://jobs.example.com, whose pages may use this service, with commas between; * for any, without cookies"`
	RateLimit        int           `envconfig:"RATE_LIMIT" default:"1000" desc:"requests a second of one credential, or one address where none is asked for; 0 for any number"`
	AddressRateLimit int           `envconfig:"ADDRESS_RATE_LIMIT" default:"50" desc:"requests a second of one address without a good credential, where one is asked for; 0 for any number"`
	MaxInFlight      int           `envconfig:"MAX_IN_FLIGHT" default:"2000" desc:"requests at work at a time, a client a quarter of them at most; those that wait do not count; 0 for any number"`
	MaxWatchersEach  int           `envconfig:"MAX_WATCHERS_EACH" default:"1000" desc:"of STATUSD_MAX_WATCHERS, how many can be of one credential, or of one address where none is asked for; 0 for any number"`
	MaxConnections   int           `envconfig:"MAX_CONNECTIONS" default:"25000" desc:"connections at a time, one address three quarters of them at most, but for trusted proxies; 0 for any number"`
	AllowedHosts     []string      `envconfig:"ALLOWED_HOSTS" desc:"host names to answer to beside localhost and addresses, with commas between; *.example.com and * are possible"`
	LogLevel         string        `envconfig:"LOG_LEVEL" default:"info" desc:"debug, info, warn or error"`
	LogFormat        string        `envconfig:"LOG_FORMAT" default:"json" desc:"json, or console for people"`
}

// Fault is a variable that can't be as it is.
type Fault struct{ Variable, Reason string }

// FaultsError is every fault of a configuration, one for a variable, sorted.
type FaultsError []Fault

func (e FaultsError) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.Variable + " " + f.Reason
	}
	return strings.Join(lines, "; ")
}

// Load reads the configuration from an environment, as [os.Environ] has it.
// What listens for others, where it serves, has to say who they may be. Its
// error is a FaultsError.
func Load(environ []string, serves bool) (Config, error) {
	given, reasons := pick(environ)
	var c Config
	for i, v := range variables {
		text, ok := given[v.Name]
		if !ok {
			text = v.Default
		}
		if reason := parse(text, reflect.ValueOf(&c).Elem().Field(i)); reason != "" && reasons[v.Name] == "" {
			reasons[v.Name] = reason
		}
	}
	if _, ok := given[prefix+"CREATE_TABLE"]; !ok {
		c.CreateTable = c.Store == Embedded || c.DynamoDBEndpoint != ""
	}
	for _, list := range [][]string{c.AllowedHosts, c.AllowedOrigins, c.TrustedProxies} {
		for i, name := range list {
			list[i] = strings.TrimSpace(name)
		}
	}
	tell := func(name, reason string) {
		if reasons[prefix+name] == "" { // what can't be read can't be judged
			reasons[prefix+name] = reason
		}
	}
	c.judge(tell)
	if serves {
		c.judgeExposure(tell)
	}
	if len(reasons) == 0 {
		return c, nil
	}
	var faults FaultsError
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		faults = append(faults, Fault{name, reasons[name]})
	}
	return Config{}, faults
}

// notOurs are variables for others than the service: for its clients, which may
// be told by the same environment; for our tests; and those by which Kubernetes
// tells pods where the services beside them are, such as one named statusd.
var notOurs = regexp.MustCompile(`^(SERVER|TOKEN|TOKEN_FILE|REQUEST_ID|ATTEMPT|OWNER|PROGRESS)=|^TEST_|^(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+)=|^(\w+_)?PORT=\w+://`)

// pick finds our variables, and the faults of those that nothing reads, most
// likely mistyped, or that are empty, most likely by a slip as well.
func pick(environ []string) (given, reasons map[string]string) {
	given, reasons = make(map[string]string), make(map[string]string)
	for _, pair := range environ {
		rest, ok := strings.CutPrefix(pair, prefix)
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case !ok || notOurs.MatchString(rest):
		case !slices.ContainsFunc(variables, func(v Variable) bool { return v.Name == name }):
			reasons[name] = "is no variable of statusd" + hint(name)
		case strings.TrimSpace(value) == "":
			reasons[name] = "is set, but empty"
		default:
			given[name] = value
		}
	}
	return given, reasons
}

// parse has envconfig fill one field. Given the whole struct it would stop at
// the first fault; and it asks no other environment than the process's own, so
// the value comes as the default of a name that no environment can hold.
func parse(text string, field reflect.Value) (reason string) {
	one := reflect.New(reflect.StructOf([]reflect.StructField{{
		Name: "Value", Type: field.Type(), Tag: reflect.StructTag("default:" + strconv.Quote(text)),
	}}))
	var unparsable *envconfig.ParseError
	switch err := envconfig.Process("=", one.Interface()); {
	case errors.As(err, &unparsable):
		return fmt.Sprintf("is %q, not %s", text, kinds[field.Type()])
	case err != nil:
		return err.Error()
	}
	field.Set(one.Elem().Field(0))
	return ""
}

// kinds are the types of variables in words.
var kinds = map[reflect.Type]string{
	reflect.TypeFor[int]():           "an integer",
	reflect.TypeFor[bool]():          "true or false",
	reflect.TypeFor[time.Duration](): "a time span, like 90s or 12h",
}
