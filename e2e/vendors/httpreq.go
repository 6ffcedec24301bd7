package vendors

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
)

// HTTPReq is a service of the protocol that lego's provider httpreq speaks: POST /present and /cleanup.
type HTTPReq struct {
	accounts
	server *httptest.Server
	dns    *acmetest.DNS
}

// StartHTTPReq starts a service without accounts.
func StartHTTPReq(dns *acmetest.DNS) *HTTPReq {
	h := &HTTPReq{dns: dns}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /present", h.handle(dns.AddTXT))
	mux.HandleFunc("POST /cleanup", h.handle(dns.RemoveTXT))
	h.server = httptest.NewServer(mux)
	return h
}

// Close stops the service.
func (h *HTTPReq) Close() { h.server.Close() }

// Account makes an account that may change the zones and returns a solver's settings for it.
func (h *HTTPReq) Account(zones ...string) map[string]string {
	return map[string]string{
		"provider": "httpreq", "HTTPREQ_ENDPOINT": h.server.URL,
		"HTTPREQ_USERNAME": "lodger", "HTTPREQ_PASSWORD": h.add("password", zones),
	}
}

func (h *HTTPReq) handle(change func(fqdn, value string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var record struct{ FQDN, Value string }
		if err := json.NewDecoder(r.Body).Decode(&record); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		user, password, _ := r.BasicAuth()
		switch {
		case h.refuses():
			http.Error(w, fmt.Sprintf("<h1>trouble</h1> %s:%s sent %s", user, password, r.Header.Get("Authorization")), http.StatusBadGateway)
		case !h.may(password, record.FQDN):
			http.Error(w, "this account has no such zone", http.StatusForbidden)
		default:
			change(record.FQDN, record.Value)
		}
	}
}
