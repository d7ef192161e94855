// Package web is the pages that a person looks at: the board of all jobs, and
// the tracker of one. It alone knows what they are made of; all that they show
// they ask the API for, as any other client does.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets
var assets embed.FS

// file is one file of the pages.
type file struct {
	contentType string
	content     []byte
}

// files are all of them by name; pages name the others by the digest of all,
// so that a browser may keep them for ever.
var files, digest = load()

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

func load() (map[string]file, string) {
	entries, err := fs.ReadDir(assets, "assets")
	if err != nil {
		panic(err) // it is in the binary
	}
	all := make(map[string]file)
	hash := sha256.New()
	for _, entry := range entries {
		content, err := assets.ReadFile("assets/" + entry.Name())
		if err != nil {
			panic(err)
		}
		hash.Write(content)
		all[entry.Name()] = file{contentTypes[path.Ext(entry.Name())], content}
	}
	digest := hex.EncodeToString(hash.Sum(nil))[:16]
	for name, f := range all {
		if strings.HasSuffix(name, ".html") {
			f.content = bytes.ReplaceAll(f.content, []byte("{digest}"), []byte(digest))
			all[name] = f
		}
	}
	return all, digest
}

// policy lets a page load what is its own, and nothing inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Board answers with the page of all jobs.
func Board(w http.ResponseWriter, r *http.Request, status int) { page(w, r, status, "board.html") }

// Job answers with the page of one job: the same for all of them.
func Job(w http.ResponseWriter, r *http.Request, status int) { page(w, r, status, "job.html") }

// page answers with a page, also where that is a refusal: its scripts will find
// out, and ask for a credential.
func page(w http.ResponseWriter, r *http.Request, status int, name string) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	if status != http.StatusOK {
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Type", files[name].contentType)
		w.WriteHeader(status)
		_, _ = w.Write(files[name].content) // an error is the client's
		return
	}
	h.Set("Cache-Control", "no-cache")
	h.Set("Etag", `"`+digest+`"`)
	send(w, r, files[name])
}

// Asset answers with a file that pages name, and false if there is none of that
// name. A replica of another version may have named it: then it is not kept.
func Asset(w http.ResponseWriter, r *http.Request, of, name string) bool {
	f, ok := files[name]
	if !ok || strings.HasSuffix(name, ".html") {
		return false
	}
	if of == digest {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	send(w, r, f)
	return true
}

func send(w http.ResponseWriter, r *http.Request, f file) {
	w.Header().Set("Content-Type", f.contentType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
