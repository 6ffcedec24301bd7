package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/dns01"
	"github.com/wildcast/wildcast/controllers"
)

// PrintExplanation writes an explanation for people: what is wrong first.
func PrintExplanation(out io.Writer, e Explanation, now time.Time) error {
	p := &explainer{now: &printer{now: now}}
	fmt.Fprintf(&p.text, "%s is %s.\n", e.Object.named(), e.Is)
	p.problems(e)
	if e.Object.Kind != "Namespace" {
		p.copy(e.Receives)
	}
	for _, c := range e.Chains {
		p.chain(c)
	}
	if e.Object.Kind == "Namespace" {
		p.receives(e.Receives)
		p.lacks(e.Lacks)
	}
	_, err := io.WriteString(out, p.text.String())
	return err
}

// explainer writes an explanation.
type explainer struct {
	text strings.Builder
	now  *printer
}

// line writes what something is; without a name, more of the line before.
func (p *explainer) line(what, format string, args ...any) {
	fmt.Fprintf(&p.text, "%-14s %s\n", what, fmt.Sprintf(format, args...))
}

// at is a time, and how far off it is.
func (p *explainer) at(t time.Time) string {
	return t.UTC().Format(time.RFC3339) + " (" + p.now.when(t) + ")"
}

func (p *explainer) problems(e Explanation) {
	if len(e.Problems) == 0 {
		return
	}
	fmt.Fprintf(&p.text, "\nPROBLEMS (%d)\n", len(e.Problems))
	for _, problem := range e.Problems {
		fmt.Fprintf(&p.text, "%s: %s\n    %s\n", problem.Object.named(), problem.Reason, problem.Message)
	}
}

func (p *explainer) copy(receipts []Receipt) {
	for _, r := range receipts {
		p.text.WriteString("\n")
		p.line("source", "%s", r.Source)
		p.line("copy", "%s", r.State)
		if r.Why != "" {
			p.line("why", "%s", sentence(r.Why))
		}
	}
}

func (p *explainer) chain(c Chain) {
	p.text.WriteString("\n")
	if c.SecretName != "" {
		p.line("hosts", "%s, in Secret %s", strings.Join(c.Hosts, ", "), c.SecretName)
	}
	p.certificate(c.Certificate)
	if c.Certificate.Pending() {
		p.order(c)
	}
	for _, challenge := range c.Challenges {
		p.challenge(challenge, c.Certificate.Order != "")
	}
	if c.Copy != nil {
		p.line("copy", "%s/%s: %s", c.Copy.Namespace, c.Copy.Name, strings.TrimSuffix(string(c.Copy.State)+", "+c.Copy.Why, ", "))
	}
	for _, by := range c.Certificate.AskedBy {
		p.line("asked by", "%s", by)
	}
}

func (p *explainer) certificate(c Certificate) {
	p.line("certificate", "%s/%s for %s", c.Namespace, c.Name, cmp.Or(strings.Join(c.Names, ", "), "no names"))
	p.line("issuer", "%s", cmp.Or(c.Issuer, "none"))
	if c.State.bad() || c.Message == "" { // what is wrong stands above
		p.line("state", "%s", c.State)
	} else {
		p.line("state", "%s. %s", c.State, c.Message)
	}
	if c.Expires.IsZero() {
		return
	}
	renewed := "renewed at"
	if c.Renews.Before(p.now.now) {
		renewed = "due for renewal since"
	}
	p.line("valid", "until %s, %s %s", p.at(c.Expires), renewed, p.at(c.Renews))
}

func (p *explainer) order(c Chain) {
	switch certificate := c.Certificate; {
	case certificate.Order != "":
		p.line("order", "%s is in flight", certificate.Order)
	case certificate.Failures > 0:
		p.line("order", "failed %s in a row; none is in flight", plural(certificate.Failures, "time"))
	default:
		p.line("order", "none is in flight")
	}
	p.authorizations(c.Authorizations)
	if !c.Certificate.NextAttempt.IsZero() {
		p.line("next attempt", "%s", p.at(c.Certificate.NextAttempt))
	} else if c.Certificate.LastError != "" {
		p.line("next attempt", "within five minutes")
	}
}

// authorizations shows those that are not valid; how many are is enough.
func (p *explainer) authorizations(all []acmeclient.Authorization) {
	valid := 0
	for _, a := range all {
		if a.Status == "valid" {
			valid++
			continue
		}
		p.authorization(a)
	}
	if valid > 0 {
		p.line("authorization", "valid for %s", plural(valid, "name"))
	}
}

func (p *explainer) authorization(a acmeclient.Authorization) {
	switch {
	case a.Status == "":
		p.line("authorization", "the CA was not asked about it yet")
	case a.Status == "pending" && a.Told.IsZero():
		p.line("authorization", "%s by %s: pending; the CA was not told to look yet", a.Name, a.Challenge)
	case a.Status == "pending":
		p.line("authorization", "%s by %s: pending; the CA was told to look at %s", a.Name, a.Challenge, p.at(a.Told))
	default:
		p.line("authorization", "%s by %s: %s", a.Name, a.Challenge, a.Status)
	}
	if a.ErrorType != "" || a.Detail != "" {
		p.line("", "  %s", strings.TrimPrefix(a.ErrorType+": "+a.Detail, ": "))
	}
	if !a.Seen.IsZero() {
		p.line("", "  as of %s%s", p.at(a.Seen), p.ends(a))
	}
	p.line("", "  %s", a.URL)
}

// ends is when an authorization does, if the CA says so.
func (p *explainer) ends(a acmeclient.Authorization) string {
	if a.Expires.IsZero() {
		return ""
	}
	return ", until " + p.at(a.Expires)
}

func (p *explainer) challenge(c Challenge, inFlight bool) {
	if c.Seen == nil || c.Seen.Zone == "" && c.Fault != "" {
		p.line("challenge", "%s: %s", c.Domain, c.Fault)
		return
	}
	what := fmt.Sprintf("TXT %s in zone %s", c.Seen.FQDN, cmp.Or(c.Seen.Zone, "unknown"))
	switch {
	case c.Seen.Persist:
		p.line("challenge", "%s, created once for solver %s", what, c.Seen.Solver)
		p.toCreate(c.Seen)
	case inFlight:
		p.line("challenge", "%s, by solver %s", what, c.Seen.Solver)
	default:
		p.line("challenge", "%s, by solver %s; no order waits for it now", what, c.Seen.Solver)
	}
	for _, server := range c.Seen.Servers {
		p.line("", "  %s %s", server.Server, shows(server, c.Seen.Sought))
	}
}

func (p *explainer) toCreate(s *dns01.Sighting) {
	if s.Create != "" {
		p.line("", "  it should be %q", s.Create)
		return
	}
	p.line("", "  what it should be is in %s of the solver: kubectl describe -n %s secret %s", controllers.AnnotationMessage, namespaceIn(s.Solver), nameIn(s.Solver))
}

// shows is what a server shows of the records that are sought.
func shows(s *dns01.Seen, sought int) string {
	values := strings.Join(s.Values, ", ")
	switch {
	case s.Fault != "":
		return s.Fault
	case sought == 0 && values != "":
		return "has " + values
	case sought == 0:
		return "has no such record"
	case s.Found == sought:
		return "has it"
	case s.Found > 0:
		return fmt.Sprintf("has %d of the %d records", s.Found, sought)
	case values != "":
		return s.Wrong + ": " + values
	}
	return s.Wrong
}

func (p *explainer) receives(all []Receipt) {
	if len(all) > 0 {
		p.text.WriteString("\nIt receives\n")
	}
	for _, r := range all {
		p.receipt(fmt.Sprintf("%s %s, a copy of %s/%s: %s", r.Source.Kind, r.Name, r.Source.Namespace, r.Source.Name, r.State), sentence(r.Why))
	}
}

func (p *explainer) lacks(all []Receipt) {
	if len(all) > 0 {
		p.text.WriteString("\nIt does not receive\n")
	}
	for _, r := range all {
		p.receipt(r.Source.String(), r.Why)
	}
}

func (p *explainer) receipt(what, why string) {
	fmt.Fprintf(&p.text, "%s\n", what)
	if why != "" {
		fmt.Fprintf(&p.text, "    %s\n", why)
	}
}
