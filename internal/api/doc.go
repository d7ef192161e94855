// Package api is statusd over HTTP: its routes, what it reads and what it
// answers. openapi.yaml says the same to a machine, and the tests hold both
// together.
//
// Handlers return errors, and one adapter answers them (see problem.go). The
// package decides nothing about statuses and keeps nothing.
package api
