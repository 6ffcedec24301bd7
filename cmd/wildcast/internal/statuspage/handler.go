package statuspage

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// handler serves the page at / and the report at /status.json.
type handler struct{ snapshots *Snapshots }

// Handler serves what snapshots show. It answers GET and HEAD, and only to who asks for an address, localhost or a name
// within a cluster: a site elsewhere whose name leads here for a moment would read the page in its visitor's browser.
func Handler(snapshots *Snapshots) http.Handler {
	h := handler{snapshots}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.page)
	mux.HandleFunc("GET /status.json", h.report)
	return guarded(mux)
}

// policy lets the browser load nothing, and use no style but the page's own.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !local(r.Host) {
			http.Error(w, "this page is for localhost, addresses and names within the cluster: use kubectl port-forward", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// local reports whether no server elsewhere can have the host's name.
func local(host string) bool {
	name := strings.Trim(host, "[]")
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	_, err := netip.ParseAddr(name)
	return err == nil || name == "localhost" || !strings.Contains(name, ".") ||
		strings.HasSuffix(name, ".svc") || strings.HasSuffix(name, ".cluster.local") || strings.HasSuffix(name, ".localhost")
}

func (h handler) page(w http.ResponseWriter, r *http.Request) {
	s, ok := h.snapshot(w, r)
	if !ok {
		return
	}
	var page bytes.Buffer
	if err := render(&page, s, refreshOf(r)); err != nil {
		http.Error(w, "the page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, "text/html; charset=utf-8", page.Bytes())
}

func (h handler) report(w http.ResponseWriter, r *http.Request) {
	s, ok := h.snapshot(w, r)
	if !ok {
		return
	}
	text, err := json.MarshalIndent(s.Report, "", "  ")
	if err != nil {
		http.Error(w, "the report could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, "application/json", append(text, '\n'))
}

func (h handler) snapshot(w http.ResponseWriter, r *http.Request) (Snapshot, bool) {
	s, err := h.snapshots.Get(r.Context())
	if err != nil {
		w.Header().Set("Retry-After", strconv.Itoa(int(h.snapshots.every.Seconds())))
		http.Error(w, fmt.Sprintf("there is nothing to show: %v; try again in a moment", err), http.StatusServiceUnavailable)
	}
	return s, err == nil
}

func answer(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // who asked may have gone
}

// The times between two loads of a page that loads itself again.
const leastRefresh, usualRefresh, mostRefresh = 10, 30, 3600

// refreshOf is after how many seconds the page is to be loaded again, zero for never.
func refreshOf(r *http.Request) int {
	seconds, err := strconv.Atoi(r.URL.Query().Get("refresh"))
	if err != nil || seconds <= 0 {
		return 0
	}
	return min(max(seconds, leastRefresh), mostRefresh)
}
