package acmeclient_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
)

const hmacKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

func TestAKeyKeepsItsAccount(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	key := newKey(t)
	first := w.register(key)
	second := w.register(key)
	if first.URL != second.URL {
		t.Errorf("account is %s and then %s", first.URL, second.URL)
	}
	if n := w.ca.Registrations(); n != 2 { // this one and the world's own
		t.Errorf("%d accounts, want 2", n)
	}
}

func TestAnExternalAccountIsBound(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RequireEAB: true, EAB: map[string]string{"kid-1": hmacKey}})
	_, err := w.client.Register(t.Context(), newKey(t), acmeclient.Registration{})
	says(t, err, "external account binding", "set the key ID and the HMAC key")
	if e := errorOf(t, err); e.Type != "externalAccountRequired" || e.Reached {
		t.Errorf("error is %+v", e)
	}
	for name, key := range map[string]string{
		"as it is":       hmacKey,
		"padded":         hmacKey + "==",
		"with a newline": hmacKey + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.client.Register(t.Context(), newKey(t), acmeclient.Registration{EABKeyID: "kid-1", EABHMACKey: key})
			w.must(err)
		})
	}
}

func TestAWrongExternalAccountIsReportedWithoutItsKey(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RequireEAB: true, EAB: map[string]string{"kid-1": hmacKey}})
	for name, r := range map[string]acmeclient.Registration{
		"unknown":    {EABKeyID: "kid-2", EABHMACKey: hmacKey},
		"half":       {EABKeyID: "kid-1"},
		"not base64": {EABKeyID: "kid-1", EABHMACKey: hmacKey + "!!"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.client.Register(t.Context(), newKey(t), r)
			says(t, err, "register account")
			if strings.Contains(err.Error(), hmacKey) {
				t.Errorf("error %q holds the key", err)
			}
		})
	}
}

func TestAnAccountThatTheCAHasLostIsReportedAndRegisteredAgain(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.ca.ForgetAccount(w.account.URL)
	_, err := w.order(w.request("a.test"))
	if !errors.Is(err, acmeclient.ErrAccountGone) {
		t.Fatalf("error is %v, want ErrAccountGone", err)
	}
	w.account = w.register(w.account.Key)
	_, err = w.order(w.request("a.test"))
	w.must(err)
}

func TestAnAccountThatIsDeactivatedIsReportedAsSuchWhateverItIsUsedFor(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.must(w.ca.Deactivate(w.account.URL))
	_, ordering := w.order(w.request("a.test"))
	_, registering := w.client.Register(t.Context(), w.account.Key, acmeclient.Registration{})
	for op, err := range map[string]error{
		"create order":     ordering,
		"register account": registering,
		"change contact":   w.client.ChangeContact(t.Context(), w.account, "new@a.test"),
	} {
		says(t, err, op, "unauthorized", "deactivated")
		if !errors.Is(err, acmeclient.ErrAccountClosed) || errors.Is(err, acmeclient.ErrAccountGone) {
			t.Errorf("error is %v, want ErrAccountClosed", err)
		}
	}
}

func TestAnOrderThatAnAccountMayNotMakeDoesNotSpeakAgainstTheAccount(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.ca.Answer(acmetest.StepNewOrder, acmetest.Problem{Status: 403, Type: "unauthorized", Detail: "not for a.test"})
	_, err := w.order(w.request("a.test"))
	if errorOf(t, err).Type != "unauthorized" || errors.Is(err, acmeclient.ErrAccountClosed) {
		t.Errorf("got %v", err)
	}
}

func TestAnAccountsContactIsChangedAndAllElseStays(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	if got := w.ca.Contact(w.account.URL); !slices.Equal(got, []string{"mailto:admin@a.test"}) {
		t.Fatalf("the contact is %q", got)
	}
	w.must(w.client.ChangeContact(t.Context(), w.account, "new@a.test"))
	if got := w.ca.Contact(w.account.URL); !slices.Equal(got, []string{"mailto:new@a.test"}) {
		t.Errorf("the contact is %q", got)
	}
	if again := w.register(w.account.Key); again.URL != w.account.URL {
		t.Errorf("the account is %s, and was %s", again.URL, w.account.URL)
	}
	says(t, w.client.ChangeContact(t.Context(), w.account, "not an address"), "change contact")
}

func TestKeysThatCannotSignAreRefused(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	w.must(err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	w.must(err)
	_, err = w.client.Register(t.Context(), p521, acmeclient.Registration{})
	says(t, err, "P-256")
	_, err = w.client.Register(t.Context(), ed, acmeclient.Registration{})
	says(t, err, "P-256")
}

func TestShortNamesStandForDirectories(t *testing.T) {
	for server, want := range map[string]string{
		"letsencrypt":            "https://acme-v02.api.letsencrypt.org/directory",
		" LetsEncrypt-Staging ":  "https://acme-staging-v02.api.letsencrypt.org/directory",
		"https://ca.example/dir": "https://ca.example/dir",
		"google":                 "https://dv.acme-v02.api.pki.goog/directory",
	} {
		if got, err := acmeclient.DirectoryURL(server); err != nil || got != want {
			t.Errorf("%q stands for %q, %v; want %q", server, got, err, want)
		}
	}
	for _, server := range []string{"", "letsencript", "http://ca.example/dir"} {
		_, err := acmeclient.DirectoryURL(server)
		says(t, err, "letsencrypt", "zerossl")
	}
}

func TestAClientOfNothingIsRefused(t *testing.T) {
	_, err := acmeclient.New(acmeclient.Config{Directory: "http://ca.example"})
	says(t, err, "https")
	_, err = acmeclient.New(acmeclient.Config{Directory: "https://ca.example", CABundle: []byte("x")})
	says(t, err, "PEM")
}

func TestAnUntrustedEndpointIsReportedAsSuch(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	client, err := acmeclient.New(acmeclient.Config{Directory: w.ca.Directory()})
	w.must(err)
	_, err = client.Register(t.Context(), newKey(t), acmeclient.Registration{})
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("error is %v, want an unknown authority", err)
	}
}

func TestAURLThatIsNoDirectoryIsReportedAsSuch(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.ca.Answer(acmetest.StepDirectory, acmetest.Problem{Status: 200, Body: "<html>hello</html>"})
	_, err := w.again().Register(t.Context(), newKey(t), acmeclient.Registration{})
	says(t, err, "is no ACME directory")
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                     0,
		"120":                  2 * time.Minute,
		"-5":                   0,
		"soon":                 0,
		"99999999999999999999": 0,
		now.Add(time.Hour).Format(http.TimeFormat):  time.Hour,
		now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := acmeclient.RetryAfter(header, now); got != want {
			t.Errorf("%q is %s, want %s", header, got, want)
		}
	}
}
