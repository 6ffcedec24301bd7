package acmeclient

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// directoryLife is how long a CA's directory is used before it is read again.
const directoryLife = 10 * time.Minute

// directory is the part of a CA's directory (RFC 8555 §7.1.1) that this package itself looks at.
type directory struct {
	NewOrder    string `json:"newOrder"`
	RenewalInfo string `json:"renewalInfo"` // RFC 9773 §4.1; empty for none
	Meta        struct {
		ExternalAccountRequired bool              `json:"externalAccountRequired"`
		CAAIdentities           []string          `json:"caaIdentities"`
		Profiles                map[string]string `json:"profiles"`
	} `json:"meta"`

	raw []byte
}

// directoryCache keeps the directory, so that an order costs no request for it. Holding turn is the right to use the
// other fields; it is a channel so that waiting for it can be given up.
type directoryCache struct {
	turn  chan struct{}
	value *directory
	until time.Time
}

// directory returns the CA's directory, read not long ago.
func (c *Client) directory(ctx context.Context) (*directory, error) {
	select {
	case c.directories.turn <- struct{}{}:
		defer func() { <-c.directories.turn }()
	case <-ctx.Done():
		return nil, &Error{Op: "read directory", Err: context.Cause(ctx)}
	}
	if c.directories.value != nil && time.Now().Before(c.directories.until) {
		return c.directories.value, nil
	}
	dir, err := c.readDirectory(ctx)
	if err != nil {
		return nil, err
	}
	c.directories.value, c.directories.until = dir, time.Now().Add(directoryLife)
	return dir, nil
}

// Identities returns the domains by which CAA records and the records of [DNSPersist01] name the CA; none if it does not
// say. The error is an [*Error].
func (c *Client) Identities(ctx context.Context) ([]string, error) {
	dir, err := c.directory(ctx)
	if err != nil {
		return nil, err
	}
	return dir.Meta.CAAIdentities, nil
}

func (c *Client) readDirectory(ctx context.Context) (*directory, error) {
	const op = "read directory"
	x := newExchange(ctx, c, nil)
	resp, err := x.get(c.directoryURL)
	if err != nil {
		return nil, x.failure(op, "", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, x.failure(op, "", err)
	}
	dir := &directory{raw: raw}
	if err := json.Unmarshal(raw, dir); err != nil || dir.NewOrder == "" {
		return nil, &Error{Op: op, Detail: c.directoryURL + " is no ACME directory: check the URL", Reached: true}
	}
	return dir, nil
}
