package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// None is the STATUSD_AUTH of a service that asks nobody who they are.
const None = "none"

// Credentials tells whether credentials are asked for.
func (c *Config) Credentials() bool {
	return c.Tokens != "" || c.SigningKeys != "" || c.OIDCIssuer != ""
}

// Proxies are the networks of the proxies that are trusted.
func (c *Config) Proxies() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range c.TrustedProxies {
		if network, ok := parseNetwork(text); ok { // judgeAccess has told of the others
			all = append(all, network)
		}
	}
	return all
}

func parseNetwork(text string) (netip.Prefix, bool) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), address.Zone() == ""
	}
	network, err := netip.ParsePrefix(text)
	return network.Masked(), err == nil
}

// judgeAccess judges what says who may come.
func (c *Config) judgeAccess(unless func(ok bool, name, format string, args ...any)) {
	unless(c.Auth == "" || c.Auth == None, "AUTH", "is %q, not %s", c.Auth, None)
	unless(c.Auth != None || !c.Credentials(), "AUTH", "is %s, but credentials are configured too", None)
	if c.OIDCIssuer != "" {
		unless(isSafeURL(c.OIDCIssuer), "OIDC_ISSUER", "is %q, not an https URL (or http on this machine)", c.OIDCIssuer)
		unless(c.OIDCAudience != "", "OIDC_AUDIENCE", "is missing: %sOIDC_ISSUER is given, and issues tokens for others too", prefix)
	}
	unless(c.OIDCAudience == "" || c.OIDCIssuer != "", "OIDC_AUDIENCE", "is given, but %sOIDC_ISSUER is not", prefix)
	unless(c.TLSCert == "" || c.TLSKey != "", "TLS_KEY", "is missing: %sTLS_CERT is given", prefix)
	unless(c.TLSKey == "" || c.TLSCert != "", "TLS_CERT", "is missing: %sTLS_KEY is given", prefix)
	for _, text := range c.TrustedProxies {
		_, ok := parseNetwork(text)
		unless(ok, "TRUSTED_PROXIES", "has %q, which is no network, like 10.0.0.0/8, and no address", text)
	}
	for _, text := range c.AllowedOrigins {
		unless(isOrigin(text), "ALLOWED_ORIGINS", "has %q, which is no origin, like https://jobs.example.com", text)
		unless(text != "*" || len(c.AllowedOrigins) == 1, "ALLOWED_ORIGINS", "has * beside others")
	}
}

// judgeExposure keeps a service that asks for no credentials from being
// reached by others, unless somebody has said that they want that.
func (c *Config) judgeExposure(tell func(name, reason string)) {
	if c.Auth == None || c.Credentials() || isLoopback(c.Addr) {
		return
	}
	tell("ADDR", fmt.Sprintf("is %s, which others can reach, but no credentials are asked for: set %sTOKENS, %sSIGNING_KEYS "+
		"or %sOIDC_ISSUER; or %sAUTH=%s if whoever reaches it may do everything", c.Addr, prefix, prefix, prefix, prefix, None))
}

func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// isSafeURL tells whether nobody on the way can answer in its place.
func isSafeURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && u.User == nil && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && isLoopback(net.JoinHostPort(u.Hostname(), "")))
}

func isOrigin(text string) bool {
	if text == "*" {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		text == strings.ToLower(u.Scheme+"://"+u.Host) && !strings.Contains(text, "*")
}
