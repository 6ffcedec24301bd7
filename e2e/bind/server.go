package bind

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/miekg/dns"

	"github.com/wildcast/wildcast/e2e/internal/child"
)

const (
	readyTimeout = time.Minute
	stopGrace    = 10 * time.Second
)

// server is one named.
type server struct {
	dir   string
	port  int
	from  int // port of its primary; 0: it is one
	child *child.Child
}

// config is a whole named.conf: only what the story needs, and no state outside the folder. The primary tells nobody of
// changes: the secondary lags until the story says otherwise.
var config = template.Must(template.New("named.conf").Parse(`options {
	directory "{{.Dir}}";
	pid-file none;
	lock-file none;
	session-keyfile none;
	listen-on port {{.Port}} { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no;
	dnssec-validation no;
	notify no;
	empty-zones-enable no;
	allow-transfer { key "{{.Key}}"; };
};
controls { };
key "{{.Key}}" { algorithm hmac-sha256; secret "{{.Secret}}"; };
{{range .Zones}}zone "{{.}}" {
	file "{{.}}zone";
{{- if not $.From}}
	type primary;
	update-policy { grant "{{$.Key}}" zonesub TXT; };
{{- else}}
	type secondary;
	primaries { 127.0.0.1 port {{$.From}} key "{{$.Key}}"; };
	allow-notify { 127.0.0.0/8; };
{{- end}}
};
{{end}}`))

// zone is a zone before any update. A secondary looks for changes by itself once a day, and negative answers are not
// remembered.
var zone = template.Must(template.New("zone").Parse(`$ORIGIN {{.Zone}}
$TTL 0
@ SOA ns1 hostmaster 1 86400 86400 864000 0
{{range $name, $host := .Hosts}}@ NS {{$name}}
{{$name}} A {{$host}}
{{end}}`))

// run starts named and returns when it answers for all zones.
func (s *server) run(ctx context.Context, program string, b *BIND) error {
	if err := s.configure(b); err != nil {
		return err
	}
	c, err := child.Start(child.Spec{
		Path: program, Args: []string{"-g", "-n", "1", "-c", filepath.Join(s.dir, "named.conf")}, Dir: s.dir, Log: filepath.Join(s.dir, "log"),
	})
	if err != nil {
		return err
	}
	s.child = c
	return s.waitReady(ctx, b.zones)
}

func (s *server) configure(b *BIND) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	err := write(filepath.Join(s.dir, "named.conf"), config, map[string]any{
		"Dir": s.dir, "Port": s.port, "From": s.from, "Key": keyName, "Secret": b.secret, "Zones": b.zones,
	})
	if err != nil || s.from != 0 {
		return err
	}
	for _, name := range b.zones {
		if err := write(filepath.Join(s.dir, name+"zone"), zone, map[string]any{"Zone": name, "Hosts": b.names}); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, text *template.Template, values any) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(text.Execute(f, values), f.Close())
}

func (s *server) waitReady(ctx context.Context, zones []string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		last := s.answers(ctx, zones)
		if last == nil {
			return nil
		}
		select {
		case <-s.child.Done():
			return fmt.Errorf("named ended with exit code %d; the end of its log:\n%s", s.child.Wait(), s.child.Tail(4000))
		case <-ctx.Done():
			return fmt.Errorf("named did not get ready: %w; the end of its log:\n%s", last, s.child.Tail(4000))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// answers returns nil if the server has all zones.
func (s *server) answers(ctx context.Context, zones []string) error {
	for _, zone := range zones {
		answer, err := exchange(ctx, new(dns.Msg).SetQuestion(zone, dns.TypeSOA), s.addr())
		if err != nil {
			return err
		}
		if !answer.Authoritative || len(answer.Answer) == 0 {
			return fmt.Errorf("%s has no zone %s", s.addr(), strings.TrimSuffix(zone, "."))
		}
	}
	return nil
}

func (s *server) stop() {
	if s != nil && s.child != nil {
		s.child.Stop(stopGrace)
	}
}
