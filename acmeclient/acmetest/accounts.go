package acmetest

import (
	"path"

	"github.com/letsencrypt/pebble/v2/acme"
	"github.com/letsencrypt/pebble/v2/core"
)

// Deactivate ends the account at the URL, as its owner or the CA may (RFC 8555 §7.3.6). Nothing undoes it.
func (c *CA) Deactivate(account string) error {
	before := c.store.GetAccountByID(path.Base(account))
	after := &core.Account{Account: before.Account, Key: before.Key, ID: before.ID}
	after.Status = acme.StatusDeactivated
	return c.store.UpdateAccountByID(after.ID, after)
}
