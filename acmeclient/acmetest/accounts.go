package acmetest

import (
	"path"
	"slices"

	"github.com/letsencrypt/pebble/v2/acme"
	"github.com/letsencrypt/pebble/v2/core"
)

// Contact returns what the CA knows of how to reach the owner of the account at the URL, such as mailto:admin@a.test.
func (c *CA) Contact(account string) []string {
	a := c.store.GetAccountByID(path.Base(account))
	if a == nil {
		return nil
	}
	return slices.Clone(a.Contact)
}

// Deactivate ends the account at the URL, as its owner or the CA may (RFC 8555 §7.3.6). Nothing undoes it.
func (c *CA) Deactivate(account string) error {
	before := c.store.GetAccountByID(path.Base(account))
	after := &core.Account{Account: before.Account, Key: before.Key, ID: before.ID}
	after.Status = acme.StatusDeactivated
	return c.store.UpdateAccountByID(after.ID, after)
}
