package http01

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
)

// Config is how challenges are answered. Route is required.
type Config struct {
	// Route has requests for the token's page at host brought to a [Handler], and returns when that has been arranged,
	// which is before it works everywhere. remove ends it, and is called once.
	Route func(ctx context.Context, host, token string) (remove func(context.Context) error, err error)
	// Waiting is told, once for each challenge, what was seen instead of the page when that has lasted. Nil: nobody is.
	Waiting func(address, seen string)
	// Nameservers, host:port, are asked for the hosts' addresses. Empty: the system's resolver.
	Nameservers []string
	// Port is where the CA asks. Zero: 80, as public CAs do.
	Port int
	// Patience is for how long the page is waited for. Zero: 30 s.
	Patience time.Duration
}

const (
	defaultPatience = 30 * time.Second
	// tellAfter is when to tell that the page is not there: routes take seconds to get around.
	tellAfter = 10 * time.Second
	// readLimit bounds one request for the page.
	readLimit = 5 * time.Second

	firstLook = 50 * time.Millisecond
	lastLook  = 2 * time.Second
)

// Solver answers HTTP-01 challenges; see [New].
type Solver struct {
	cfg    Config
	client *http.Client
}

var _ acmeclient.Solver = (*Solver)(nil)

// New returns a solver. It is safe for concurrent use.
func New(cfg Config) *Solver {
	if cfg.Waiting == nil {
		cfg.Waiting = func(string, string) {}
	}
	if cfg.Patience == 0 {
		cfg.Patience = defaultPatience
	}
	if cfg.Port == 0 {
		cfg.Port = 80
	}
	dialer := &net.Dialer{Resolver: resolver(cfg.Nameservers)}
	return &Solver{cfg: cfg, client: &http.Client{
		Timeout: readLimit,
		Transport: &http.Transport{
			DialContext:       dialer.DialContext,
			DisableKeepAlives: true,                                  // each look is one at what a newcomer sees
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // as CAs do: see the package's comment
		},
	}}
}

// resolver asks the nameservers in turn.
func resolver(nameservers []string) *net.Resolver {
	if len(nameservers) == 0 {
		return net.DefaultResolver
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (conn net.Conn, err error) {
		var d net.Dialer
		for _, server := range nameservers {
			if conn, err = d.DialContext(ctx, network, server); err == nil {
				return conn, nil
			}
		}
		return nil, err
	}}
}

// Type implements [acmeclient.Solver].
func (s *Solver) Type(string) string { return acmeclient.HTTP01 }

// Present implements [acmeclient.Solver].
func (s *Solver) Present(ctx context.Context, ch acmeclient.Challenge) (remove func(context.Context) error, err error) {
	if ch.Type != acmeclient.HTTP01 || ch.Wildcard {
		return nil, errors.New("not a challenge that a page can answer: use dns01")
	}
	remove, err = s.cfg.Route(ctx, ch.Domain, ch.Token)
	if err != nil {
		return nil, fmt.Errorf("route the challenge's page at %s: %w", ch.Domain, err)
	}
	s.await(ctx, ch)
	return remove, nil
}

// await returns when the page can be seen, or patience has ended. A look that has begun is finished, so that there is one
// to tell of.
func (s *Solver) await(ctx context.Context, ch acmeclient.Challenge) {
	patience, cancel := context.WithTimeout(ctx, s.cfg.Patience)
	defer cancel()
	began, told := time.Now(), false
	address := s.address(ch)
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		seen := s.look(ctx, address, ch.KeyAuthorization)
		if seen == "" || ctx.Err() != nil {
			return
		}
		over := patience.Err() != nil
		if !told && (over || time.Since(began) >= tellAfter) {
			told = true
			s.cfg.Waiting(strings.TrimSuffix(address, ch.Token)+"...", seen)
		}
		if over {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-patience.Done():
			timer.Stop()
		}
	}
}

func (s *Solver) address(ch acmeclient.Challenge) string {
	host := ch.Domain
	if s.cfg.Port != 80 {
		host = net.JoinHostPort(host, strconv.Itoa(s.cfg.Port))
	}
	return "http://" + host + Path + ch.Token
}

// look asks for the page and says what came instead of it, empty for the page.
func (s *Solver) look(ctx context.Context, address, page string) (seen string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return cause(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	switch {
	case err != nil:
		return cause(err)
	case resp.StatusCode != http.StatusOK:
		return "status " + resp.Status
	case strings.TrimSpace(string(body)) != page:
		return "another page"
	}
	return ""
}

// cause is an error without the address, which holds the token.
func cause(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
