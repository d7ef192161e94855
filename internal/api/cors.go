package api

import (
	"net/http"
	"slices"

	"github.com/rs/cors"
)

// shared lets the pages of named sites use this service from a browser: with
// the cookie of whoever is signed in here, or, where any site may, with a token
// of their own alone.
// https://fetch.spec.whatwg.org/#http-cors-protocol
func (s *server) shared() func(http.Handler) http.Handler {
	origins := s.config.AllowedOrigins
	anybody := slices.Contains(origins, "*")
	for _, origin := range origins {
		if origin != "*" {
			_ = s.origin.AddTrustedOrigin(origin) // what is no origin matches none
		}
	}
	return cors.New(cors.Options{
		AllowedOrigins:   origins,
		AllowCredentials: !anybody,
		AllowedMethods:   []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete},
		AllowedHeaders: []string{
			"Authorization", "Content-Type", "Cache-Control", "If-Match", "If-None-Match", "Last-Event-ID", "Traceparent",
		},
		ExposedHeaders: []string{
			"ETag", "Location", "Retry-After", "Statusd-Outcome", "Statusd-Warning", "Traceparent", "WWW-Authenticate", "Date",
		},
		MaxAge:               600,
		OptionsSuccessStatus: http.StatusNoContent,
	}).Handler
}
