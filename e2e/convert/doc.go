// Package convert plays wildcast convert on a real control plane: the commands of docs/migrate.md as they stand there, with a
// real cert-manager, which issues first; both of them side by side; and what comes of each input that the command's own
// tests have.
//
// [Start] runs cert-manager's own controller, built from its module (e2e/certmanager), under the rights that its chart gives
// it. Before it answers a DNS-01 challenge, once the record is there, it waits for a minute, whatever it is told. kubed does
// not run: its objects and copies are made as its documentation and code say.
package convert
