package dns01

// Redact makes a provider's text fit to be shown.
var Redact = redact
