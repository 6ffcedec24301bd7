// Command wildcast-dns01 is the child process with which wildcast answers DNS-01 challenges.
//
// wildcast starts it with one solver's settings in its environment and speaks with it over its standard input and
// output, as package acmeclient/dns01/wire says. It links all of lego's DNS providers and knows nothing of Kubernetes.
// When its standard input closes, or on SIGTERM, it takes back every record that it made and exits.
//
//	wildcast-dns01 -list      the codes of the DNS providers, one a line
//	wildcast-dns01 -version   the version
package main
