package statuspage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func serving(s Snapshot, err error) http.Handler {
	return Handler(NewSnapshots(func(context.Context) (Snapshot, error) { return s, err }, time.Second))
}

func ask(h http.Handler, method, url string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, url, nil))
	return w
}

func TestEveryAnswerLetsTheBrowserDoNothingButShowIt(t *testing.T) {
	h := serving(sample(), nil)
	for _, url := range []string{"http://localhost/", "http://localhost/status.json", "http://localhost/nothing", "http://evil.example.com/"} {
		header := ask(h, http.MethodGet, url).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q", url, name, got)
			}
		}
		policy := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none';", "style-src 'sha256-", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy has no %s: %s", url, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: %s", url, policy)
		}
	}
}

func TestNothingButGETAndHEADIsAnswered(t *testing.T) {
	h := serving(sample(), nil)
	for method, want := range map[string]int{
		http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405, http.MethodPut: 405, http.MethodPatch: 405, http.MethodDelete: 405, http.MethodOptions: 405, http.MethodTrace: 405,
	} {
		for _, path := range []string{"/", "/status.json"} {
			if code := ask(h, method, "http://localhost"+path).Code; code != want {
				t.Errorf("%s %s: %d", method, path, code)
			}
		}
	}
	if code := ask(h, http.MethodGet, "http://localhost/etc/passwd").Code; code != http.StatusNotFound {
		t.Errorf("another path: %d", code)
	}
}

// Such a name is an attacker's, who has it lead to 127.0.0.1 once the visitor's browser has loaded a page from it.
func TestASiteElsewhereCannotReadThePageUnderItsOwnName(t *testing.T) {
	h := serving(sample(), nil)
	for host, want := range map[string]int{
		"localhost:8082": 200, "127.0.0.1:8082": 200, "[::1]:8082": 200, "[::1]": 200, "10.1.2.3": 200, "wildcast:8082": 200, "wildcast.cert-manager.svc:8082": 200,
		"wildcast.cert-manager.svc.cluster.local.": 200, "LOCALHOST": 200,
		"evil.example.com:8082": 421, "127.0.0.1.nip.io": 421, "localhost.evil.com": 421, "svc.evil.com:1": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/status.json", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d", host, w.Code)
		}
		if want == 421 && strings.Contains(w.Body.String(), "shop.test") {
			t.Errorf("%s is told something", host)
		}
	}
}

func TestTheJSONIsTheReport(t *testing.T) {
	w := ask(serving(sample(), nil), http.MethodGet, "http://localhost/status.json")
	want, err := json.Marshal(sample().Report)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Compact(&got, w.Body.Bytes()); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got %s: %v", got.String(), err)
	}
	if kind := w.Header().Get("Content-Type"); kind != "application/json" {
		t.Error(kind)
	}
}

func TestThePageLoadsItselfAgainOnlyIfAsked(t *testing.T) {
	h := serving(sample(), nil)
	for query, want := range map[string]string{"": "", "?refresh=30": "30", "?refresh=1": "10", "?refresh=9999999": "3600", "?refresh=-1": "", "?refresh=0;url=//evil": ""} {
		got := ""
		for _, meta := range parse(t, ask(h, http.MethodGet, "http://localhost/"+query).Body.String()).all("meta") {
			if meta.attribute("http-equiv") == "refresh" {
				got = meta.attribute("content")
			}
		}
		if got != want {
			t.Errorf("%q: refresh %q", query, got)
		}
	}
}

func TestWithNothingToShowThePageSaysSo(t *testing.T) {
	w := ask(serving(Snapshot{}, errors.New("caches are not filled yet")), http.MethodGet, "http://localhost/")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "caches are not filled yet") || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
}
