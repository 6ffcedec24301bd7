// Package gateways tells stories of Gateways that ask for certificates: those of the Gateway API and those of Istio, with
// their definitions as they are published, on a real API server that may or may not have them.
package gateways
