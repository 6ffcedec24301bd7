// Package acmetest runs a CA and an authoritative DNS server in the process of a test, a benchmark or the demo.
//
// The CA is Pebble, Let's Encrypt's own test server, and it validates for real: it looks up the TXT records in the DNS
// server, where a client has put them by RFC 2136 updates.
//
//	dns, err := acmetest.StartDNS("a.test", "b.test")
//	ca, err := acmetest.StartCA(acmetest.CAOptions{DNS: dns})
//	client, err := acmeclient.New(acmeclient.Config{Directory: ca.Directory(), CABundle: ca.CABundle()})
//	solver := dns01.Settings{Provider: "rfc2136", Env: dns.SolverEnv(), Nameservers: []string{dns.Addr()}}
//
// Both can be made to misbehave, and both count what reaches them.
//
// # Pebble's ways
//
// Pebble deadlocks when orders are made while others are read (compare letsencrypt/pebble#554), so requests for new
// orders have it to themselves here. It finds the order of a certificate that is replaced only if its serial number has no
// leading zero byte in DER, so such orders are entered a second time here. It marks the certificate that an order replaces
// some time after its answer to the finalization, so that answer is held until then. It still reuses one in a hundred
// valid authorizations at its lowest setting. Its validator has a goroutine that never ends: a process that starts many
// CAs keeps one for each.
package acmetest
