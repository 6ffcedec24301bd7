package acmetest

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"time"

	"github.com/letsencrypt/pebble/v2/core"
)

// serialOf is a certificate's serial number, as Pebble's store writes it.
func serialOf(leaf *x509.Certificate) string { return hex.EncodeToString(leaf.SerialNumber.Bytes()) }

// serialIn is the serial number in an ARI identifier (RFC 9773 §4.1), in the same form.
func serialIn(id string) string {
	return hex.EncodeToString(new(big.Int).SetBytes(serialBytes(id)).Bytes())
}

func serialBytes(id string) []byte {
	_, text, _ := strings.Cut(id, ".")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return raw
}

// MarkReplaced makes the CA believe that a certificate has been replaced already.
func (c *CA) MarkReplaced(leaf *x509.Certificate) error {
	return c.store.UpdateReplacedOrder(serialOf(leaf), true)
}

// findReplaced lets Pebble find the order of a certificate whose serial number has a leading zero byte in DER: it looks
// for it under those bytes, and has kept it under the number.
func (c *CA) findReplaced(id string) {
	padded := hex.EncodeToString(serialBytes(id))
	if _, err := c.store.GetOrderByIssuedSerial(padded); err == nil {
		return
	}
	order, err := c.store.GetOrderByIssuedSerial(serialIn(id))
	if err != nil {
		return
	}
	order.RLock()
	defer order.RUnlock()
	_ = c.store.AddOrderByIssuedSerial(&core.Order{ // its only error is that there is no certificate
		ID: order.ID, AccountID: order.AccountID, Order: order.Order, IsReplaced: order.IsReplaced, CertificateObject: &core.Certificate{ID: padded},
	})
}

// settle waits until Pebble has done what it does for an order after its answer to the finalization: entering the order
// under the certificate's serial number, and marking the certificate that it replaces. It reads that mark without a lock
// when an order is made, which the guard keeps until then. An order that fails leaves no trace of its end, hence the limit.
func (c *CA) settle(orderID string) {
	for until := time.Now().Add(time.Second); time.Now().Before(until) && !c.settled(orderID); {
		time.Sleep(time.Millisecond)
	}
}

func (c *CA) settled(orderID string) bool {
	order := c.store.GetOrderByID(orderID)
	if order == nil {
		return true
	}
	order.RLock()
	issued, replaces := order.CertificateObject, order.Replaces
	begun := order.BeganProcessing
	order.RUnlock()
	if !begun || issued == nil {
		return !begun
	}
	if _, err := c.store.GetOrderByIssuedSerial(issued.ID); err != nil || replaces == "" {
		return err == nil
	}
	before, err := c.store.GetOrderByIssuedSerial(hex.EncodeToString(serialBytes(replaces)))
	if err != nil {
		return true // forgotten meanwhile: there is nothing to mark
	}
	before.RLock()
	defer before.RUnlock()
	return before.IsReplaced
}
