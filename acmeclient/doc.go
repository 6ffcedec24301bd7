// Package acmeclient obtains certificates from ACME CAs (RFC 8555).
//
// A [Client] belongs to one CA and is used by any number of accounts and orders at once:
//
//	client, err := acmeclient.New(acmeclient.Config{Directory: url, UserAgent: "wildcast/1.0"})
//	accountURL, err := client.Register(ctx, accountKey, acmeclient.Registration{Email: "admin@example.com"})
//	chain, err := client.Order(ctx, acmeclient.Account{Key: accountKey, URL: accountURL}, acmeclient.Request{
//		Names:  []string{"example.com", "*.example.com"},
//		Key:    certificateKey,
//		Begun:  remember, // the order's URL, so that the next process can go on
//		Solver: pool.Solver(settings, nil), // package dns01; it says which type of challenge it answers for each name
//	})
//
// [Client.Order] proves all names at the same time, asks the CA again after 5 ms at first and 5 s at last, obeys
// Retry-After, and resumes an order from its URL in whatever state the CA holds it. It keeps nothing itself: an order
// is its URL and the certificate's key, and both are the caller's to store before the step that needs them.
//
// [Client.RenewalInfo] asks the CA when to renew a certificate (ARI, RFC 9773), and [Request].Replaces tells it that an
// order does so.
//
// # Errors
//
// Everything that goes wrong is an [*Error] with the CA's own words. Reached separates what may count against a CA's
// limits from what cost nothing, such as a CA that is down or a DNS provider that refuses. [ErrGone], [ErrInvalid],
// [ErrAccountGone] and [ErrAccountClosed] say what to begin anew. No error holds a token or a key authorization.
//
// # Retries
//
// Bad nonces are tried again for up to 20 s, and a request whose connection broke is sent again three times with the
// same nonce, which a CA accepts once only. Nothing else is tried again here: when to do so is the caller's decision.
//
// This package is the only one that knows lego. lego shows none of its types here, and nothing of Kubernetes does.
package acmeclient
