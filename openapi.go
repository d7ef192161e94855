// Package statusd holds the contract of the service as a machine reads it.
package statusd

import _ "embed"

// OpenAPI is openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte
