package controllers

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func traits(t *testing.T, pairs ...string) (out Traits) {
	t.Helper()
	for _, pair := range pairs {
		key, v, _ := strings.Cut(pair, "=")
		if err := traitKeys[key](&out, v); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestTraitsAreJoined(t *testing.T) {
	first := traits(t, "duration=48h", "renewBefore=1h", "keyType=rsa2048", "ipSans=10.0.0.2", "rotateKey=false")
	next := traits(t, "duration=24h", "renewBefore=2h", "keyType=ec384", "ipSans=10.0.0.1,10.0.0.2", "rotateKey=true", "profile=tlsserver", "subject=O=A")
	want := traits(t, "duration=24h", "renewBefore=2h", "keyType=rsa2048", "ipSans=10.0.0.1,10.0.0.2", "rotateKey=false", "profile=tlsserver", "subject=O=A")
	if got := first.or(next); !got.equal(want) {
		t.Errorf("got %s", got.encode())
	}
	if got := (Traits{}).or(next); !got.equal(next) {
		t.Errorf("nothing chosen: got %s", got.encode())
	}
	if got := next.or(Traits{}); !got.equal(next) {
		t.Errorf("nothing left: got %s", got.encode())
	}
}

func TestWhatAKindOfIssuerCannotDoIsSaid(t *testing.T) {
	for _, row := range []struct {
		kind    Kind
		traits  Traits
		contain string
	}{
		{KindACME, Traits{KeyType: Ed25519}, "keyType: ed25519 keys are not certified over ACME; use"},
		{KindACME, Traits{IPs: []netip.Addr{netip.IPv6Loopback()}}, "ipSans: ACME CAs decide this themselves; remove it, or"},
		{KindACME, Traits{Duration: time.Hour, Profile: "x"}, ""},
		{KindCA, Traits{KeyType: Ed25519, Duration: time.Hour}, ""},
		{KindCA, Traits{Profile: "x", PreferredChain: "y"}, "profile: only ACME CAs have profiles; remove it; preferredChain: only"},
	} {
		err := row.traits.fits(row.kind)
		if (err == nil) != (row.contain == "") || err != nil && !strings.Contains(err.Error(), row.contain) {
			t.Errorf("%s: got %v, want %q", row.kind, err, row.contain)
		}
	}
}
