package acmeclient

import (
	"io"
	"log"
	"sync"

	legolog "github.com/go-acme/lego/v4/log"
)

// quietLego silences lego, whose logger is a variable of its package: it reports each bad nonce on standard error. It is
// replaced once, since the variable has no lock.
var quietLego = sync.OnceFunc(func() {
	legolog.Logger = log.New(io.Discard, "", 0)
})
