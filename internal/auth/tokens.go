package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// tokenPrefix lets people, and scanners for leaked secrets, see what it is.
const tokenPrefix = "statusd_"

// TokenLine is a line of the file of tokens, a JSON object. The token itself is
// not in it: who reads the file can't use it.
type TokenLine struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // of the token, in hex
	Scope  string `json:"scope"`
	Bound
	Expires time.Time `json:"expires,omitzero"`
}

// NewToken makes a random token, and the line that has it accepted. The line's
// name, scope, bound and end are the caller's.
func NewToken(line TokenLine) (token string, _ TokenLine, _ error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails, says its documentation
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(secret)
	digest := sha256.Sum256([]byte(token))
	line.SHA256 = hex.EncodeToString(digest[:])
	_, err := line.credential()
	return token, line, err
}

// credential is what the line says.
func (l TokenLine) credential() (*Credential, error) {
	if l.Name == "" || len(l.Name) > 64 || !utf8.ValidString(l.Name) {
		return nil, errors.New("the name must be 1 to 64 bytes of UTF-8")
	}
	scope, err := ParseScope(l.Scope)
	if err != nil {
		return nil, err
	}
	if err := l.validate(); err != nil {
		return nil, err
	}
	if year := l.Expires.Year(); year < 1 || year > 9999 {
		return nil, errors.New("expires is no time that can be written down in UTC")
	}
	return &Credential{
		Name: "token:" + l.Name, Scope: scope, Bound: l.Bound, Expires: l.Expires, revoked: new(atomic.Bool),
	}, nil
}

type digest [sha256.Size]byte

// tokens are the lines of the file in force, by how their digests begin: that
// is all that the time of a look-up can tell. The rest of a digest is compared
// in constant time.
type tokens map[[8]byte][]*entry

type entry struct {
	line       TokenLine
	digest     digest
	credential *Credential
}

func (t tokens) find(d digest) *entry {
	for _, e := range t[[8]byte(d[:8])] {
		if subtle.ConstantTimeCompare(e.digest[:], d[:]) == 1 {
			return e
		}
	}
	return nil
}

// parseTokens reads a file of tokens: a JSON object in each line; lines that
// are empty, or begin with #, say nothing. All that is wrong is told, by line.
func parseTokens(file []byte) (tokens, error) {
	all := make(tokens)
	var faults []error
	number := 0
	for line := range bytes.Lines(file) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if err := all.add(line); err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", number, err))
		}
	}
	return all, errors.Join(faults...)
}

func (t tokens) add(text []byte) error {
	var line TokenLine
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&line); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the object")
	}
	line.Expires = line.Expires.UTC() // so that lines can be compared
	credential, err := line.credential()
	if err != nil {
		return err
	}
	var d digest
	hash, err := hex.DecodeString(line.SHA256)
	if err != nil || len(hash) != len(d) {
		return errors.New("sha256 must be 64 hexadecimal digits")
	}
	copy(d[:], hash)
	if t.find(d) != nil {
		return errors.New("the same token is there twice")
	}
	first := [8]byte(d[:8])
	t[first] = append(t[first], &entry{line, d, credential})
	return nil
}

// SetTokens has the tokens of a file accepted, and no others. What is wrong
// with the file leaves those of before in force.
func (a *Authenticator) SetTokens(file []byte) error {
	next, err := parseTokens(file)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, entries := range a.tokens {
		for _, before := range entries {
			if now := next.find(before.digest); now != nil && now.line == before.line {
				now.credential = before.credential // whoever streams by it goes on
			} else {
				before.credential.revoked.Store(true)
			}
		}
	}
	a.tokens = next
	return nil
}
