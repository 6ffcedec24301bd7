// Package convert plays wildcast convert on a real control plane: the commands of docs/migrate.md as they stand there, in
// a cluster that cert-manager and kubed have left; and what comes of each input that the command's own tests have.
//
// cert-manager and kubed do not run. Their objects are made as their documentation and code say.
package convert
