package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatOthersCanReachAsksWhoTheyAreOrSaysThatItDoesNot(t *testing.T) {
	t.Parallel()
	for environ, ok := range map[string]bool{
		"ADDR=127.0.0.1:80": true, "ADDR=[::1]:80": true, "ADDR=localhost:80": true, "ADDR=[::ffff:127.0.0.1]:80": true,
		"ADDR=:80": false, "ADDR=0.0.0.0:80": false, "ADDR=10.0.0.7:80": false, "ADDR=host:80": false, "ADDR=localhost.example.com:80": false,
		"ADDR=:80 AUTH=none": true, "ADDR=:80 TOKENS=t": true, "ADDR=:80 SIGNING_KEYS=k": true,
		"ADDR=:80 OIDC_ISSUER=https://id.example.com OIDC_AUDIENCE=a": true,
		"ADDR=:80 TLS_CERT=c TLS_KEY=k":                               false,
	} {
		_, err := load(strings.Fields(environ)...)
		if ok {
			require.NoError(t, err, environ)
			continue
		}
		require.ErrorContains(t, err, "which others can reach, but no credentials are asked for", environ)
		pairs := strings.Fields(environ)
		for i := range pairs {
			pairs[i] = prefix + pairs[i]
		}
		_, err = Load(pairs, false)
		require.NoError(t, err, "what serves nobody need not say")
	}
}

func TestWhatCantBeOfCredentialsAndOfThoseBetween(t *testing.T) {
	t.Parallel()
	for environ, want := range map[string]string{
		"AUTH=off":                        `STATUSD_AUTH is "off", not none`,
		"AUTH=none TOKENS=t":              `STATUSD_AUTH is none, but credentials are configured too`,
		"TLS_CERT=c":                      `STATUSD_TLS_KEY is missing: STATUSD_TLS_CERT is given`,
		"TLS_KEY=k":                       `STATUSD_TLS_CERT is missing: STATUSD_TLS_KEY is given`,
		"OIDC_AUDIENCE=a":                 `STATUSD_OIDC_AUDIENCE is given, but STATUSD_OIDC_ISSUER is not`,
		"OIDC_ISSUER=https://a":           `STATUSD_OIDC_AUDIENCE is missing: STATUSD_OIDC_ISSUER is given, and issues tokens for others too`,
		"TRUSTED_PROXIES=10.0.0.0/99":     `STATUSD_TRUSTED_PROXIES has "10.0.0.0/99", which is no network, like 10.0.0.0/8, and no address`,
		"TRUSTED_PROXIES=all":             `STATUSD_TRUSTED_PROXIES has "all", which is no network, like 10.0.0.0/8, and no address`,
		"ALLOWED_ORIGINS=a.com":           `STATUSD_ALLOWED_ORIGINS has "a.com", which is no origin, like https://jobs.example.com`,
		"ALLOWED_ORIGINS=https://a.com/":  `STATUSD_ALLOWED_ORIGINS has "https://a.com/", which is no origin, like https://jobs.example.com`,
		"ALLOWED_ORIGINS=https://*.a.com": `STATUSD_ALLOWED_ORIGINS has "https://*.a.com", which is no origin, like https://jobs.example.com`,
		"ALLOWED_ORIGINS=*,https://a.com": `STATUSD_ALLOWED_ORIGINS has * beside others`,
		"RATE_LIMIT=-1":                   `STATUSD_RATE_LIMIT is -1, below 0`,
		"OIDC_ISSUER=http://id.example.com OIDC_AUDIENCE=a": `STATUSD_OIDC_ISSUER is "http://id.example.com", not an https URL (or http on this machine)`,
	} {
		_, err := load(strings.Fields(environ)...)
		require.EqualError(t, err, want)
	}
	c, err := load("TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.1,2001:db8::/32", "ALLOWED_ORIGINS=https://a.com, http://localhost:3000")
	require.NoError(t, err)
	var networks []string
	for _, network := range c.Proxies() {
		networks = append(networks, network.String())
	}
	require.Equal(t, []string{"10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"}, networks)
	require.Equal(t, []string{"https://a.com", "http://localhost:3000"}, c.AllowedOrigins)
}
