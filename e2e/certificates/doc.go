// Package certificates plays stories about certificates: the real program under the shipped rights, on a real API
// server, with a CA that validates over real DNS messages and refuses one good nonce in twenty.
//
// What is observed is what users see: the certificate in the Secret, Events, annotations, metrics, the orders that the
// CA has counted, the TXT records that were left, and the requests that the API server has counted. Each story has a
// stage of its own: zones, names, an issuer and a process; the control plane is shared, so stories follow one another.
//
// That nothing happens is shown by something that happens after it: see scene.barrier.
package certificates
