package acmeclient

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// directoryURLs are the directories of well-known CAs by the short names that an issuer may use.
func directoryURLs() map[string]string {
	return map[string]string{
		"letsencrypt":         "https://acme-v02.api.letsencrypt.org/directory",
		"letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
		"zerossl":             "https://acme.zerossl.com/v2/DV90",
		"google":              "https://dv.acme-v02.api.pki.goog/directory",
		"google-staging":      "https://dv.acme-v02.test-api.pki.goog/directory",
		"buypass":             "https://api.buypass.com/acme/directory",
		"buypass-staging":     "https://api.test4.buypass.no/acme/directory",
		"sslcom":              "https://acme.ssl.com/sslcom-dv-ecc",
		"sslcom-rsa":          "https://acme.ssl.com/sslcom-dv-rsa",
		"actalis":             "https://acme-api.actalis.com/acme/directory",
	}
}

// DirectoryURL returns the directory URL that server stands for: the short name of a well-known CA in any case, or an
// https URL, which passes through. The error for anything else lists the names.
func DirectoryURL(server string) (string, error) {
	server = strings.TrimSpace(server)
	known := directoryURLs()
	if directory, ok := known[strings.ToLower(server)]; ok {
		return directory, nil
	}
	if u, err := url.Parse(server); err == nil && u.Scheme == "https" && u.Host != "" {
		return server, nil
	}
	names := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	return "", fmt.Errorf("%q is neither an https URL nor one of %s", server, names)
}
