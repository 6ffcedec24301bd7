// Package vendors stands in for the web services of DNS vendors, so that the very code which lego has for them can be
// run. What a client makes there is published by an acmetest.DNS.
//
//	cloud := vendors.StartCloudflare(dns)
//	settings := cloud.Account("a.test") // a token that may change this zone and sees no other
//	cloud.Refuse(true)                  // every answer is an error that repeats the client's credentials
//
// They answer as the services' documentation says, in what lego asks for and no more.
package vendors
