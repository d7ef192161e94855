package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/statusd/statusd/internal/oidctest"
)

func TestPeopleWhoSignInElsewhereComeWithTheTokenThatTheyHave(t *testing.T) {
	t.Parallel()
	p := oidctest.Start(t, time.Hour)
	s := start(t, environment(t, "OIDC_ISSUER="+p.Issuer, "OIDC_AUDIENCE="+oidctest.Audience))
	alice, _ := p.SignIn("alice", "statusd:write")
	bob, _ := p.SignIn("bob")
	carol, _ := p.SignIn("carol", "statusd:admin")
	s.token = alice
	s.do(http.StatusCreated, http.MethodPost, "/status/a", `{"status":"started"}`)
	s.token = bob
	s.do(http.StatusNotFound, http.MethodGet, "/status/a", "")
	s.do(http.StatusForbidden, http.MethodPost, "/status/b", `{"status":"started"}`)
	jobs := func() int {
		var page struct{ Items []record }
		s.do(http.StatusOK, http.MethodGet, "/status", "").into(t, &page)
		return len(page.Items)
	}
	require.Zero(t, jobs())
	s.token = carol
	require.Equal(t, 1, jobs())
	require.Eventually(t, func() bool {
		who, _ := s.log.event("request", "who")
		return who == "user:alice"
	}, 10*time.Second, 10*time.Millisecond)
	s.do(http.StatusNoContent, http.MethodDelete, "/status/a", "")
	p.Stop()
	s.token = alice
	s.do(http.StatusNotFound, http.MethodGet, "/status/a", "")
}
