package dns01

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/wildcast/wildcast/acmeclient"
)

const (
	redacted = "[redacted]"
	// minSecret is the length from which a setting's value is looked for: "1" or "true" is in every text.
	minSecret = 4
	// maxMessage bounds a provider's text, which may be a whole HTML page.
	maxMessage = 700
)

// harmless are the settings whose values help to find a fault and open nothing.
var harmless = regexp.MustCompile(`_(NAMESERVERS?|TTL|TIMEOUT|INTERVAL|ALGORITHM|REGION|ZONES?)$`)

// redact makes a provider's text fit to be shown: without the solver's settings and the challenge's secrets, in any
// form in which they may be quoted, on one line, of bounded length.
func redact(text string, s *Settings, ch acmeclient.Challenge) string {
	secrets := forms(ch.KeyAuthorization)
	secrets = append(secrets, forms(ch.Token)...)
	for name, value := range s.Env {
		if harmless.MatchString(name) {
			continue
		}
		secrets = append(secrets, forms(value)...)
		for _, other := range s.Env { // a user and a password in an Authorization header (RFC 7617)
			secrets = append(secrets, forms(value+":"+other)...)
		}
	}
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	return shorten(oneLine(text))
}

// forms returns the ways in which a value appears in a text: as it is, trimmed, each of its lines, quoted, in a URL, in
// base64.
func forms(value string) []string {
	plain := append(strings.Split(value, "\n"), value)
	var all []string
	for _, v := range plain {
		v = strings.TrimSpace(v)
		if len(v) < minSecret {
			continue
		}
		quoted := strconv.Quote(v)
		all = append(all, v, quoted[1:len(quoted)-1], url.QueryEscape(v), url.PathEscape(v),
			base64.StdEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v)))
	}
	return all
}

func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r)
	}), " ")
}

func shorten(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "..."
}
