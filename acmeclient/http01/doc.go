// Package http01 answers HTTP-01 challenges (RFC 8555 §8.3): the CA asks the name itself for a page that only the owner of
// the account could have put there.
//
// The page is a function of the token in its address and of the account's key, so that a [Handler] keeps nothing: every
// replica answers every challenge, of whichever replica's order. What is needed is that the CA's request gets to one of
// them. A [Solver] has that arranged (Config.Route), then asks for the page itself, as the CA will, and says what it saw
// while it sees anything else.
//
// The check follows redirects, to HTTPS too, and verifies no certificate there: so do CAs, since the certificate is what
// is missing. From inside a cluster a name can lead elsewhere than from outside, or nowhere. A check that has not
// succeeded in time therefore does not end the order: the CA is asked all the same, and its word decides.
package http01
