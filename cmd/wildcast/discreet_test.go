package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAnAnswerThatRefusesHasNotTheCredentialsThatItRepeats(t *testing.T) {
	status := http.StatusForbidden
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		w.WriteHeader(status)
		fmt.Fprintf(w, "%s sent %s %s", r.UserAgent(), r.Header.Get("Authorization"), password)
	}))
	defer server.Close()
	client := &http.Client{Transport: discreet(http.DefaultTransport)}
	say := func(prepare func(*http.Request)) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("User-Agent", "he")
		prepare(r)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer tok-en") }
	basic := func(r *http.Request) { r.SetBasicAuth("user", "pass-word") }
	if got, want := say(bearer), "he sent Bearer [redacted] "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := say(basic), "he sent Basic [redacted] [redacted]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	status = http.StatusOK
	if got, want := say(bearer), "he sent Bearer tok-en "; got != want {
		t.Errorf("an answer that is no refusal: got %q, want %q", got, want)
	}
}
