package dns01_test

import (
	"strings"
	"testing"

	"github.com/wildcast/wildcast/acmeclient/dns01"
)

func TestSettingsThatCannotWorkAreRefusedWithTheRemedy(t *testing.T) {
	good := dns01.Settings{Name: "s", Provider: "cloudflare", Env: map[string]string{"CF_DNS_API_TOKEN": "t"}}
	must(t, good.Validate())
	for remedy, change := range map[string]func(*dns01.Settings){
		"give lego's code":           func(s *dns01.Settings) { s.Provider = "" },
		"is no code of lego's":       func(s *dns01.Settings) { s.Provider = "Cloud Flare" },
		"such as cloudflare":         func(s *dns01.Settings) { s.Provider = "aws" },
		"did you mean cloudflare?":   func(s *dns01.Settings) { s.Provider = "Cloudfare" },
		"--dns01-exec-dir":           func(s *dns01.Settings) { s.Provider = "exec" },
		"wait for a person":          func(s *dns01.Settings) { s.Provider = "manual" },
		"write it in lower case":     func(s *dns01.Settings) { s.Zones = []string{"A.test"} },
		"without a dot at the end":   func(s *dns01.Settings) { s.Zones = []string{"a.test."} },
		"or a wildcard":              func(s *dns01.Settings) { s.Zones = []string{"*.a.test"} },
		"write it as in 8.8.8.8:53":  func(s *dns01.Settings) { s.Nameservers = []string{"8.8.8.8"} },
		"name the resolvers":         func(s *dns01.Settings) { s.RecursiveOnly = true },
		"is not the provider's":      func(s *dns01.Settings) { s.Env = map[string]string{"LD_PRELOAD": "x"} },
		"is no environment variable": func(s *dns01.Settings) { s.Env = map[string]string{"a-b": "x"} },
		"give the value itself": func(s *dns01.Settings) {
			s.Env = map[string]string{"CF_DNS_API_TOKEN_FILE": "/var/run/secrets/kubernetes.io/serviceaccount/token"}
		},
	} {
		s := good
		change(&s)
		says(t, s.Validate(), remedy)
	}
	good.Ambient, good.Env = true, map[string]string{"GCE_SERVICE_ACCOUNT_FILE": "/etc/gce.json"}
	must(t, good.Validate())
}

func TestAProgramIsRunOnlyIfTheOperatorPutItThere(t *testing.T) {
	good := dns01.Settings{
		Name: "s", Provider: "exec", Ambient: true, Programs: "/programs",
		Env: map[string]string{"EXEC_PATH": "update-dns.sh", "EXEC_MODE": "RAW", "EXEC_KEY": "k"},
	}
	must(t, good.Validate())
	set := func(name, value string) func(*dns01.Settings) {
		return func(s *dns01.Settings) { s.Env = map[string]string{"EXEC_PATH": "update-dns.sh", name: value} }
	}
	for name, c := range map[string]struct {
		change func(*dns01.Settings)
		remedy string
	}{
		"no folder":         {func(s *dns01.Settings) { s.Programs = "" }, "start wildcast with --dns01-exec-dir"},
		"not ambient":       {func(s *dns01.Settings) { s.Ambient = false }, "needs ambient"},
		"no program":        {set("EXEC_PATH", ""), "give the name of a file there"},
		"an absolute path":  {set("EXEC_PATH", "/bin/sh"), "without a folder"},
		"the way out":       {set("EXEC_PATH", "../bin/sh"), "without a folder"},
		"the folder itself": {set("EXEC_PATH", ".."), "without a folder"},
		"a shell's start":   {set("BASH_ENV", "$(id)"), "begin with EXEC_"},
		"an interpreter's":  {set("PERL5OPT", "-Mbase"), "begin with EXEC_"},
		"the linker's":      {set("LD_PRELOAD", "x"), "begin with EXEC_"},
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			c.change(&s)
			says(t, s.Validate(), c.remedy)
		})
	}
}

func TestTheLongestZoneIsUsed(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	wrong := map[string]string{"DNSUPDATE_NAMESERVER": w.dns.Addr()} // unsigned: refused
	s := func(name string, env map[string]string, zones ...string) dns01.Settings {
		return dns01.Settings{Name: name, Provider: "rfc2136", Env: env, Nameservers: w.dns.Addrs(), Zones: zones}
	}
	all := []dns01.Settings{
		s("rest", wrong), s("a", wrong, "a.test"), s("sub", w.dns.SolverEnv(), "sub.a.test", "b.test"),
	}
	for domain, solver := range map[string]string{
		"x.sub.a.test": "", "sub.a.test": "", "b.test": "", "xsub.a.test": "solver a)", "a.test": "solver a)",
	} {
		remove, err := w.pool.Solver(all, nil).Present(t.Context(), challenge(domain))
		if solver != "" {
			says(t, err, solver)
			continue
		}
		must(t, err)
		must(t, remove(t.Context()))
	}
	_, err := w.pool.Solver(all[1:], nil).Present(t.Context(), challenge("c.test"))
	e := errorAs[*dns01.NoSolverError](t, err)
	if e.Domain != "c.test" || strings.Join(e.Zones, " ") != "a.test b.test sub.a.test" {
		t.Errorf("error is %+v", e)
	}
	says(t, err, "make one", "a.test, b.test, sub.a.test")
	_, err = w.pool.Solver(nil, nil).Present(t.Context(), challenge("c.test"))
	says(t, err, "no DNS-01 solver for c.test: make one")
	names := []string{"*.b.test", "*.c.test", "a.test", "c.test", "xb.test"}
	if got := strings.Join(dns01.Unserved(all[1:], names), " "); got != "*.c.test c.test xb.test" {
		t.Errorf("no solver for %s", got)
	}
	if got := dns01.Unserved(all, names); got != nil {
		t.Errorf("no solver for %s, though one has no zones", got)
	}
}

func TestMissingCredentialsAreReportedInTheProvidersWords(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	s := w.settings()
	s.Env = map[string]string{}
	_, err := w.pool.Solver([]dns01.Settings{s}, nil).Present(t.Context(), challenge("a.test"))
	e := errorAs[*dns01.ProviderError](t, err)
	if e.Solver != "test" || e.Provider != "rfc2136" {
		t.Errorf("error is %+v", e)
	}
	says(t, err, "DNSUPDATE_NAMESERVER")
}

func TestAProvidersErrorShowsNoSettingAndNoAnswer(t *testing.T) {
	s := dns01.Settings{Name: "s", Provider: "httpreq", Env: map[string]string{
		"P_TOKEN": "tok/en+with=signs", "P_KEY": "-----BEGIN-----\nline-of-the-key\n-----END-----", "P_NAMESERVER": "192.0.2.1:53", "P_N": "1",
		"P_USER": "clerk7",
	}}
	text := `GET https://api/?t=tok%2Fen%2Bwith%3Dsigns: "tok/en+with=signs" dG9rL2VuK3dpdGg9c2lnbnM= Basic Y2xlcms3OnRvay9lbit3aXRoPXNpZ25z key line-of-the-key ` +
		token + " " + keyAuthorization + " at 192.0.2.1:53 page 1\nof 1\x1b[31m"
	got := dns01.Redact(text, &s, challenge("a.test"))
	for _, secret := range []string{"tok/en", "tok%2Fen", "dG9rL2Vu", "Y2xlcms3", "OnRvay9lbit3aXRoPXNpZ25z", "line-of-the-key", token, "THUMBPRINT", "\n", "\x1b"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q shows %q", got, secret)
		}
	}
	for _, harmless := range []string{"192.0.2.1:53", "page 1 of 1", "https://api/"} {
		if !strings.Contains(got, harmless) {
			t.Errorf("%q lacks %q", got, harmless)
		}
	}
	if n := len(dns01.Redact(strings.Repeat("x", 10_000), &s, challenge("a.test"))); n > 1000 {
		t.Errorf("text is %d bytes long", n)
	}
}

func TestAProvidersRefusalShowsNoCredential(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	s := w.settings()
	s.Env["DNSUPDATE_TSIG_SECRET"] = "not-base64-!!-secret"
	_, err := w.pool.Solver([]dns01.Settings{s}, nil).Present(t.Context(), challenge("a.test"))
	says(t, err, "present _acme-challenge.a.test.")
	for _, entry := range w.logs.All() {
		for _, value := range entry.ContextMap() {
			if text, ok := value.(string); ok && strings.Contains(text, "secret") {
				t.Errorf("log shows %q", text)
			}
		}
	}
	if strings.Contains(err.Error(), "not-base64") {
		t.Errorf("error %q shows the secret", err)
	}
}

func TestTheProviderOfPersistentRecordsTakesNoVendorsSettings(t *testing.T) {
	good := dns01.Settings{Name: "s", Provider: "persist", Zones: []string{"a.test"}, Nameservers: []string{"127.0.0.1:53"}, RecursiveOnly: true}
	must(t, good.Validate())
	good.Env = map[string]string{"CF_DNS_API_TOKEN": "t"}
	says(t, good.Validate(), `"CF_DNS_API_TOKEN"`, "changes no DNS", "remove it")
}
