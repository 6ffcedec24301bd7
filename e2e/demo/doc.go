// Command demo plays the story that wildcast is made for, on this machine, and tells what happens.
//
//	make demo                 plays it, and stays up until Ctrl-C
//	make demo DEMO_EXIT=1     ends after the story: with 0, or with 1 if a step failed
//
// Everything is real: a Kubernetes control plane (package cluster), a CA and a DNS server that it looks at (package
// acmetest), and the program wildcast with the rights of the shipped ServiceAccount. What administrators and users do
// is done with kubectl, and each command is printed as it is run. What wildcast does is seen in watches on the API
// server, and so are the times: from the moment in which a change is seen to the moment in which its effect is.
//
// One thing is arranged: nobody can wait sixty days for a certificate to come near its end, so the CA is asked to make
// one with a life of seconds. wildcast is told nothing of it.
package main
