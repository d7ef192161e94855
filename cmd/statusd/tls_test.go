package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// certified makes a certificate for this machine, and its files.
func certified(t *testing.T, cert, key string) *x509.Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return parsed
}

// trusting is a client that believes that certificate alone.
func trusting(t *testing.T, certificate *x509.Certificate, http2 bool) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: http2}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func TestItSpeaksTLSAndHTTP2AndTakesUpNewCertificates(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cert, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	first := certified(t, cert, key)
	environ := environment(t, "TLS_CERT="+cert, "TLS_KEY="+key)
	s := newService(t)
	s.serve(environ)
	s.awaitStart()
	address := strings.TrimPrefix(s.url, "http://")
	s.url = "https://" + address
	for proto, http2 := range map[int]bool{1: false, 2: true} {
		s.client = trusting(t, first, http2)
		answer, err := s.client.Get(s.url + "/healthz")
		require.NoError(t, err)
		answer.Body.Close()
		require.Equal(t, proto, answer.ProtoMajor)
		s.do(http.StatusOK, http.MethodGet, "/status", "")

		stream, err := s.client.Get(s.url + "/status/job" + string(rune('0'+proto)) + "/events")
		require.NoError(t, err)
		defer stream.Body.Close()
		lines := bufio.NewReader(stream.Body)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, "retry: ")
		s.do(http.StatusCreated, http.MethodPost, "/status/job"+string(rune('0'+proto)), `{"status":"started"}`)
		for !strings.HasPrefix(line, "event: status") {
			line, err = lines.ReadString('\n')
			require.NoError(t, err)
		}
	}
	var out bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"healthcheck"}, append(environ, "STATUSD_ADDR="+address), &out, &out), "%s", &out)

	plain, err := http.Get("http://" + address + "/status")
	require.NoError(t, err)
	plain.Body.Close()
	require.Equal(t, http.StatusBadRequest, plain.StatusCode, "nothing is said without TLS")
	_, err = tls.Dial("tcp", address, &tls.Config{MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true})
	require.Error(t, err)

	second := certified(t, cert, key)
	require.Eventually(t, func() bool {
		s.client = trusting(t, second, true)
		_, err := s.ask(http.MethodGet, "/healthz", "")
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
}
