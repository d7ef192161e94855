package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/statusd/statusd/internal/auth"
)

// addAccess adds (g): GET of one hot record by a signed token, with limits,
// against statusd without either; and with limits alone.
func (s *setting) addAccess(ctx context.Context, binary string) error {
	key := []byte(auth.NewKey(time.Now()))
	keys := filepath.Join(s.folder, "keys")
	if err := os.WriteFile(keys, key, 0o600); err != nil {
		return err
	}
	token, err := auth.Issue(key, auth.Grant{
		Scope: auth.Write, Bound: auth.Bound{Job: "hot"}, Expires: time.Now().Add(24 * time.Hour),
	}, time.Now())
	if err != nil {
		return err
	}
	// None of these is reached.
	limits := []string{
		"STATUSD_RATE_LIMIT=1000000", "STATUSD_MAX_IN_FLIGHT=2000", "STATUSD_MAX_WATCHERS_EACH=1000", "STATUSD_MAX_CONNECTIONS=25000",
	}
	open, err := s.hot(ctx, binary, "open.db", "")
	if err != nil {
		return err
	}
	limited, err := s.hot(ctx, binary, "limited.db", "", limits...)
	if err != nil {
		return err
	}
	guarded, err := s.hot(ctx, binary, "guarded.db", token, append(limits, "STATUSD_SIGNING_KEYS="+keys)...)
	if err != nil {
		return err
	}
	const connections = 64
	s.rows = append(s.rows, row{
		name: "(g) GET one hot record by a signed token, with limits, against neither", target: 0.85,
		bare: side{"statusd, open", newLoad(open.address, connections, get("/status/hot")).measure, open},
		ours: side{"statusd, guarded", newLoad(guarded.address, connections, shown("/status/hot", token)).measure, guarded},
	}, row{
		name: "(g) the same with limits alone", target: 0.85,
		bare: side{"statusd, open", newLoad(open.address, connections, get("/status/hot")).measure, open},
		ours: side{"statusd, limited", newLoad(limited.address, connections, get("/status/hot")).measure, limited},
	})
	return nil
}

// hot starts a service with a record.
func (s *setting) hot(ctx context.Context, binary, file, token string, env ...string) (*child, error) {
	service, err := s.service(ctx, binary, append(env, "STATUSD_STORE=embedded", "STATUSD_DATA="+filepath.Join(s.folder, file))...)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+service.address+"/status/hot",
		strings.NewReader(`{"status":"in-progress","attempt":1,"progress":{"current":3,"total":10,"unit":"epoch"},"message":"loss 0.21"}`))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	return service, answer.Body.Close()
}

// shown is a GET by a token.
func shown(path, token string) func(buffer []byte, connection, n int) []byte {
	return func(buffer []byte, _, _ int) []byte {
		return append(buffer, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+token+"\r\n\r\n"...)
	}
}
