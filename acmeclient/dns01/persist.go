package dns01

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/wildcast/wildcast/acmeclient"
)

// Persist is the provider of records that an administrator makes once: nothing is written, and no child runs.
const Persist = "persist"

func (s *Settings) persists() bool { return s.Provider == Persist }

// checkPersist refuses a vendor's settings, which would promise that somebody writes.
func (s Settings) checkPersist() error {
	if names := slices.Sorted(maps.Keys(s.Env)); len(names) > 0 {
		return fmt.Errorf("setting %q means nothing to provider persist, which changes no DNS: remove it, or use the code of your DNS provider", names[0])
	}
	return nil
}

// PersistentFQDN is the name of the record that proves a domain (draft-ietf-acme-dns-persist), with a dot at the end.
func PersistentFQDN(domain string) string { return dns.Fqdn("_validation-persist." + domain) }

// PersistentValue is the text of the record by which a CA, named by one of its domains, knows an account.
func PersistentValue(issuer, account string, wildcard bool) string {
	value := issuer + "; accounturi=" + account
	if wildcard {
		value += "; policy=wildcard"
	}
	return value
}

// find returns when every server shows the record that an administrator has made. There is nothing to take away.
func (v *solver) find(ctx context.Context, ch acmeclient.Challenge) (remove func(context.Context) error, err error) {
	s := choose(v.settings, ch.Domain)
	if s == nil {
		return nil, &NoSolverError{Domain: ch.Domain, Zones: zonesOf(v.settings)}
	}
	if len(ch.Issuers) == 0 {
		return nil, errors.New("the CA offers a persistent record and does not say which domain names the CA there: use another solver")
	}
	r := &record{solver: v, s: s, ch: ch, judge: persistent(ch, time.Now), create: PersistentValue(ch.Issuers[0], ch.Account, ch.Wildcard)}
	if r.where, err = locate(ctx, s, PersistentFQDN(ch.Domain)); err != nil {
		return nil, err
	}
	if err := r.await(ctx); err != nil {
		return nil, err
	}
	return func(context.Context) error { return nil }, nil
}

// persistent judges as the CA will. Records for other CAs may stand beside the one that is looked for, and so may faulty
// ones.
func persistent(ch acmeclient.Challenge, now func() time.Time) judge {
	return func(txt string) (bool, string) {
		parts := strings.Split(txt, ";")
		issuer := blank(parts[0])
		if !slices.Contains(ch.Issuers, issuer) {
			return false, ""
		}
		tags, err := parameters(parts[1:])
		if err == nil {
			err = tags.prove(ch, now())
		}
		if err != nil {
			return false, fmt.Sprintf("its record for %s %v", issuer, err)
		}
		return true, ""
	}
}

// tags are the parameters of a record by their lower-case names (RFC 8659 §4.2).
type tags map[string]string

func parameters(parts []string) (tags, error) {
	found := tags{}
	for _, part := range parts {
		tag, value, pair := strings.Cut(part, "=")
		tag, value = strings.ToLower(blank(tag)), blank(value)
		if _, twice := found[tag]; twice {
			return nil, fmt.Errorf("has %s twice", tag)
		}
		if !pair || tag == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("has %q, which is not tag=value", blank(part))
		}
		found[tag] = value
	}
	return found, nil
}

// prove returns why the record does not prove what the challenge asks.
func (t tags) prove(ch acmeclient.Challenge, now time.Time) error {
	if t["accounturi"] != ch.Account {
		return fmt.Errorf("has accounturi=%s", t["accounturi"])
	}
	if ch.Wildcard && !strings.EqualFold(t["policy"], "wildcard") {
		return errors.New("lacks policy=wildcard")
	}
	text, ends := t["persistuntil"]
	if !ends {
		return nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("has persistUntil=%s, which is no number of seconds", text)
	}
	if until := time.Unix(seconds, 0); now.After(until) {
		return fmt.Errorf("has ended at %s (persistUntil)", until.UTC().Format(time.RFC3339))
	}
	return nil
}

// blank trims what RFC 8659 calls WSP.
func blank(text string) string { return strings.Trim(text, " \t") }
