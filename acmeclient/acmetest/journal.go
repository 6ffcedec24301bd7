package acmetest

import (
	"net/http"
	"path"
	"slices"
	"time"
)

// Order is an order that a client has made.
type Order struct {
	Names    []string
	Account  string // URL
	Replaces string // the ARI identifier of the certificate that it renews (RFC 9773 §5), or empty
	At       time.Time
}

// journal is what the CA has seen.
type journal struct {
	orders        []Order
	registrations int
}

// dates are those of the certificates to come; the zero value leaves them to the profile.
type dates struct {
	offset, lifetime time.Duration
}

func (c *CA) remember(step string, m message, answer *held) {
	if answer.status != http.StatusCreated && answer.status != http.StatusOK {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch step {
	case StepNewOrder:
		names := slices.Sorted(slices.Values(m.identifiers))
		c.log.orders = append(c.log.orders, Order{Names: names, Account: m.account, Replaces: m.replaces, At: time.Now()})
	case StepNewAccount:
		account := answer.header.Get("Location")
		if answer.status == http.StatusCreated || c.faults.forgotten[account] {
			delete(c.faults.forgotten, account)
			c.log.registrations++
		}
	}
}

// Orders returns the orders made so far, oldest first; names are sorted.
func (c *CA) Orders() []Order {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.log.orders)
}

// OrderCount returns how many orders have been made.
func (c *CA) OrderCount() int { return len(c.Orders()) }

// Registrations returns how many accounts have been made.
func (c *CA) Registrations() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.registrations
}

// SetValidity makes certificates ordered from now on begin at the offset from the time of their order, and end after
// the lifetime: SetValidity(-80*24*time.Hour, 90*24*time.Hour) makes them 80 days old. A zero lifetime ends that.
func (c *CA) SetValidity(notBeforeOffset, lifetime time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dates = dates{notBeforeOffset, lifetime}
}

// date sets the dates of the order at the URL in Pebble's store, where the client has not asked for any.
func (c *CA) date(orderURL string) {
	c.mu.Lock()
	d := c.dates
	c.mu.Unlock()
	if orderURL == "" || d.lifetime == 0 {
		return
	}
	order := c.store.GetOrderByID(path.Base(orderURL))
	if order == nil {
		return
	}
	from := time.Now().Add(d.offset)
	order.Lock()
	defer order.Unlock()
	order.NotBefore = from.UTC().Format(time.RFC3339)
	order.NotAfter = from.Add(d.lifetime).UTC().Format(time.RFC3339)
}
