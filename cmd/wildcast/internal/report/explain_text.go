package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
)

// PrintExplanation writes an explanation for people.
func PrintExplanation(out io.Writer, e Explanation, now time.Time) error {
	var b strings.Builder
	name := e.Object.String()
	if e.Object.Namespace == "" {
		name = e.Object.Kind + " " + e.Object.Name
	}
	fmt.Fprintf(&b, "%s is %s.\n", name, e.Is)
	for _, p := range e.Problems {
		about := ""
		if p.Object != e.Object {
			about = p.Object.String() + ": "
		}
		fmt.Fprintf(&b, "\n%s%s\n    %s\n", about, p.Reason, p.Message)
	}
	for _, c := range e.Chains {
		printChain(&b, c, now)
	}
	printReceipts(&b, e)
	_, err := io.WriteString(out, b.String())
	return err
}

func printChain(b *strings.Builder, c Chain, now time.Time) {
	at := &printer{now: now}
	b.WriteString("\n")
	line := func(what, format string, args ...any) {
		fmt.Fprintf(b, "%-12s %s\n", what, fmt.Sprintf(format, args...))
	}
	if c.SecretName != "" {
		line("hosts", "%s, in Secret %s", strings.Join(c.Hosts, ", "), c.SecretName)
	}
	certificate := c.Certificate
	line("certificate", "%s/%s for %s", certificate.Namespace, certificate.Name, cmp.Or(strings.Join(certificate.Names, ", "), "no names"))
	line("issuer", "%s", cmp.Or(certificate.Issuer, "none"))
	line("state", "%s", strings.TrimSpace(string(certificate.State)+". "+certificate.Message))
	if !certificate.Expires.IsZero() {
		line("valid", "until %s (%s), renewed at %s (%s)", certificate.Expires.Format(time.RFC3339), at.when(certificate.Expires),
			certificate.Renews.Format(time.RFC3339), at.when(certificate.Renews))
	}
	if certificate.Pending() {
		printOrder(line, certificate, at)
	}
	for _, challenge := range c.Challenges {
		printChallenge(line, challenge)
	}
	if c.Copy != nil {
		line("copy", "%s/%s: %s", c.Copy.Namespace, c.Copy.Name, strings.TrimSuffix(string(c.Copy.State)+", "+c.Copy.Why, ", "))
	}
	for _, by := range certificate.AskedBy {
		line("asked by", "%s", by)
	}
}

func printOrder(line func(string, string, ...any), c Certificate, at *printer) {
	switch {
	case c.Order != "":
		line("order", "%s is in flight", c.Order)
	case c.Failures > 0:
		line("order", "failed %s in a row", plural(c.Failures, "time"))
	default:
		line("order", "none is in flight")
	}
	if !c.NextAttempt.IsZero() {
		line("next", "%s (%s)", c.NextAttempt.Format(time.RFC3339), at.when(c.NextAttempt))
	}
}

func printChallenge(line func(string, string, ...any), c Challenge) {
	if c.Seen == nil || c.Seen.Zone == "" && c.Fault != "" {
		line("challenge", "%s: %s", c.Domain, c.Fault)
		return
	}
	line("challenge", "TXT %s in zone %s, by solver %s", c.Seen.FQDN, cmp.Or(c.Seen.Zone, "unknown"), c.Seen.Solver)
	for _, server := range c.Seen.Servers {
		shows := "has no such record"
		switch {
		case server.Fault != "":
			shows = server.Fault
		case len(server.Values) > 0:
			shows = "has " + strings.Join(server.Values, ", ")
		}
		line("", "  %s %s", server.Server, shows)
	}
}

func printReceipts(b *strings.Builder, e Explanation) {
	for _, r := range e.Receives {
		name := ""
		if e.Object.Kind == "Namespace" {
			name = strings.Split(r.Source.Kind, "/")[0] + " " + r.Name + ", a copy of " + r.Source.Namespace + "/" + r.Source.Name + ": "
		}
		fmt.Fprintf(b, "\n%s%s\n", name, r.State)
		if r.Why != "" {
			fmt.Fprintf(b, "    %s\n", sentence(r.Why))
		}
	}
	if len(e.Lacks) > 0 {
		b.WriteString("\nIt does not receive\n")
	}
	for _, r := range e.Lacks {
		fmt.Fprintf(b, "%s\n    %s\n", r.Source, r.Why)
	}
}
