package vendors

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
)

// Codes of errors, as in Cloudflare's documentation.
const (
	codeForbidden = 9109
	codeNotFound  = 81044
	codeIdentical = 81058
)

// Cloudflare is version 4 of Cloudflare's API, as far as lego's provider cloudflare uses it.
type Cloudflare struct {
	accounts
	server *httptest.Server
	dns    *acmetest.DNS

	mu      sync.Mutex
	last    int
	records map[string]cloudRecord // by ID
}

type cloudRecord struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Content string `json:"content"`
	TTL     int    `json:"ttl"`
}

// StartCloudflare starts an API without accounts.
func StartCloudflare(dns *acmetest.DNS) *Cloudflare {
	c := &Cloudflare{dns: dns, records: map[string]cloudRecord{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /client/v4/zones", c.guarded(c.list))
	mux.HandleFunc("POST /client/v4/zones/{zone}/dns_records", c.guarded(c.create))
	mux.HandleFunc("DELETE /client/v4/zones/{zone}/dns_records/{id}", c.guarded(c.remove))
	c.server = httptest.NewServer(mux)
	return c
}

// Close stops the API.
func (c *Cloudflare) Close() { c.server.Close() }

// Account makes a token that may change the zones and returns a solver's settings for it.
func (c *Cloudflare) Account(zones ...string) map[string]string {
	return map[string]string{
		"provider": "cloudflare", "CLOUDFLARE_BASE_URL": c.server.URL + "/client/v4", "CF_DNS_API_TOKEN": c.add("token", zones),
	}
}

func (c *Cloudflare) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if c.refuses() {
			fail(w, http.StatusForbidden, codeForbidden, "Invalid access token "+token(r)+" in "+r.Header.Get("Authorization"))
			return
		}
		next(w, r)
	}
}

// list finds a zone by its name. A zone's ID is its name in capitals here.
func (c *Cloudflare) list(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	if !c.may(token(r), name) {
		succeed(w, []any{})
		return
	}
	succeed(w, []any{map[string]string{"id": strings.ToUpper(name), "name": name}})
}

func (c *Cloudflare) create(w http.ResponseWriter, r *http.Request) {
	var record cloudRecord
	if err := json.NewDecoder(r.Body).Decode(&record); err != nil || record.Type != "TXT" || record.TTL < 60 {
		fail(w, http.StatusBadRequest, 9000, fmt.Sprintf("no TXT record with a TTL of a minute or more: %v", err))
		return
	}
	if !c.owns(r, record.Name) {
		fail(w, http.StatusForbidden, codeForbidden, "Unauthorized to access requested resource")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, other := range c.records {
		if other.Name == record.Name && other.Content == record.Content {
			fail(w, http.StatusBadRequest, codeIdentical, "An identical record already exists.")
			return
		}
	}
	c.last++
	record.ID = strconv.Itoa(c.last)
	c.records[record.ID] = record
	c.dns.AddTXT(record.Name, record.value())
	succeed(w, record)
}

func (c *Cloudflare) remove(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	record, ok := c.records[r.PathValue("id")]
	if !ok || !c.owns(r, record.Name) {
		fail(w, http.StatusNotFound, codeNotFound, "Record does not exist.")
		return
	}
	delete(c.records, record.ID)
	c.dns.RemoveTXT(record.Name, record.value())
	succeed(w, map[string]string{"id": record.ID})
}

// owns tells whether the name lies in the request's zone and the zone in the token's account.
func (c *Cloudflare) owns(r *http.Request, name string) bool {
	zone := strings.ToLower(r.PathValue("zone"))
	return c.may(token(r), name) && (name == zone || strings.HasSuffix(name, "."+zone))
}

// value is the text that is published: clients quote it, as in a zone file.
func (r cloudRecord) value() string { return strings.Trim(r.Content, `"`) }

func token(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func succeed(w http.ResponseWriter, result any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "result": result}) // a client that has gone asks again
}

func fail(w http.ResponseWriter, status, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"success": false, "errors": []any{map[string]any{"code": code, "message": message}},
	})
}
