package http01

import (
	"context"
	"io"
	"net/http"
	"regexp"
)

// Path is the folder of the pages that CAs ask for (RFC 8555 §8.3).
const Path = "/.well-known/acme-challenge/"

// token is base64url (RFC 8555 §8.1); CAs send 43 characters.
var token = regexp.MustCompile(`^[A-Za-z0-9_-]{16,200}$`)

// Handler answers the CA's request for the page of a token. It is safe for concurrent use.
type Handler struct {
	// Thumbprint is that of the account whose challenge has the token (RFC 7638); false if no such challenge is known.
	// It may wait a while for one that has just been made.
	Thumbprint func(ctx context.Context, token string) (string, bool)
}

// ServeHTTP implements [http.Handler].
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "ask with GET", http.StatusMethodNotAllowed)
		return
	}
	asked, ok := Token(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	thumbprint, known := h.Thumbprint(r.Context(), asked)
	if !known {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, asked+"."+thumbprint) // who is gone by now needs no answer
}

// Token is the token in the path of a page; false if there is none.
func Token(path string) (string, bool) {
	if len(path) < len(Path) || path[:len(Path)] != Path || !token.MatchString(path[len(Path):]) {
		return "", false
	}
	return path[len(Path):], true
}
