// Package dns01 answers DNS-01 challenges (RFC 8555 §8.4) with any of lego's DNS providers, in child processes.
package dns01
