package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wildcast/wildcast/controllers"
)

// Certificate is the state of one certificate.
type Certificate struct {
	Namespace   string           `json:"namespace"`
	Name        string           `json:"name"`
	State       CertificateState `json:"state"`
	Message     string           `json:"message,omitempty"` // what the state means, and what to do
	Names       []string         `json:"names"`             // that it is to have, or has if nobody asks for it
	Issuer      string           `json:"issuer,omitempty"`
	AskedBy     []Object         `json:"askedBy"`
	Serial      string           `json:"serial,omitempty"`
	NotBefore   time.Time        `json:"notBefore,omitzero"`
	Expires     time.Time        `json:"expires,omitzero"`
	Renews      time.Time        `json:"renews,omitzero"`
	Order       string           `json:"order,omitempty"` // URL of the order in flight
	Failures    int              `json:"failures,omitempty"`
	LastError   string           `json:"lastError,omitempty"`
	NextAttempt time.Time        `json:"nextAttempt,omitzero"`
}

// CertificateState is how it is with a certificate.
type CertificateState string

// The states of certificates, what is urgent first.
const (
	Expired   CertificateState = "Expired"   // it is asked for, and what there is has expired
	NotOurs   CertificateState = "NotOurs"   // somebody else's Secret has its name
	Held      CertificateState = "Held"      // its issuer is missing or not valid
	NotReady  CertificateState = "NotReady"  // its issuer has no account, no pair, or no solver for it
	Failing   CertificateState = "Failing"   // the last order failed
	Limited   CertificateState = "Limited"   // the CA asks to wait, or would refuse the order
	Ordering  CertificateState = "Ordering"  // an order is in flight, or about to be
	Renewing  CertificateState = "Renewing"  // the same, and the old one serves
	Ready     CertificateState = "Ready"     // it is right
	Unused    CertificateState = "Unused"    // nobody asks for it: it is kept while it lasts
	Forgotten CertificateState = "Forgotten" // nobody asks for it, and it is about to be removed
)

var states = []CertificateState{Expired, NotOurs, Held, NotReady, Failing, Limited, Ordering, Renewing, Ready, Unused, Forgotten}

func (s CertificateState) rank() int { return slices.Index(states, s) }

// bad reports whether somebody should act. Why a certificate is held is a problem of its issuer, or of those who ask.
func (s CertificateState) bad() bool { return s != Held && s.rank() <= Limited.rank() }

// problems is that somebody should act, if so it is.
func (c Certificate) problems() []Problem {
	if !c.State.bad() {
		return nil
	}
	return []Problem{{Object{"Secret", c.Namespace, c.Name}, string(c.State), c.Message}}
}

func asksOf(state controllers.State) []controllers.Ask {
	if state.Want == nil {
		return nil
	}
	return slices.Concat(state.Want.Asks, state.Want.Held)
}

// certificate tells of one certificate.
func (s Scene) certificate(state controllers.State) Certificate {
	c := Certificate{Namespace: state.Name.Namespace, Name: state.Name.Name, LastError: state.Record.LastError, Failures: state.Record.Failures, AskedBy: []Object{}}
	for _, ask := range asksOf(state) {
		if by := objectOf(string(ask.By.Kind), ask.By.NamespacedName); !slices.Contains(c.AskedBy, by) {
			c.AskedBy = append(c.AskedBy, by)
		}
		c.Issuer = ask.Issuer.String()
		c.Names = append(c.Names, ask.Names...)
	}
	slices.Sort(c.Names)
	c.Names = slices.Compact(c.Names)
	if h := state.Have; h != nil && h.Leaf != nil {
		c.Names, c.Serial = h.Names, h.Serial
		c.NotBefore, c.Expires, c.Renews = h.NotBefore.UTC(), h.NotAfter.UTC(), state.Due.UTC()
		if c.Issuer == "" {
			c.Issuer = h.Issuer
		}
	}
	if state.Want != nil && state.Want.Issuer != nil {
		c.Names, c.Issuer = state.Want.Names, state.Want.Issuer.Name.String()
	}
	if state.Plan.Do == controllers.Wait {
		c.NextAttempt = state.Plan.At.UTC()
	}
	if state.Begun {
		c.Order = state.Record.URL
	}
	c.State = s.stateOf(state, c)
	c.Message = s.message(state, c)
	return c
}

// stateOf is the first row that applies:
//
//	nobody asks for it, it has expired            Forgotten
//	nobody asks for it                            Unused
//	a Secret of that name is somebody else's      NotOurs
//	its issuer is missing or not valid            Held
//	it is right                                   Ready
//	it has expired                                Expired
//	the CA asks to wait, or a limit is reached    Limited
//	the last order failed                         Failing
//	its issuer cannot work yet, or has no solver  NotReady
//	there is a valid one                          Renewing
//	else                                          Ordering
func (s Scene) stateOf(state controllers.State, c Certificate) CertificateState {
	plan, valid := state.Plan.Do, s.Now.Before(c.Expires)
	switch {
	case state.Want == nil && plan == controllers.Remove:
		return Forgotten
	case state.Want == nil:
		return Unused
	case plan == controllers.Refuse:
		return NotOurs
	case state.Want.Issuer == nil || plan == controllers.Hold:
		return Held
	case plan == controllers.Keep:
		return Ready
	case !valid && !c.Expires.IsZero():
		return Expired
	case !state.Spent.Until.IsZero() || plan == controllers.Wait && state.Record.Limited:
		return Limited
	case plan == controllers.Wait || c.LastError != "" && plan == controllers.Issue:
		return Failing
	case plan == controllers.Lack, plan == controllers.Issue && !s.works(state.Want.Issuer):
		return NotReady
	case valid:
		return Renewing
	}
	return Ordering
}

// works reports whether an issuer has all that it takes to issue.
func (s Scene) works(issuer *controllers.Issuer) bool {
	if issuer.Kind == controllers.KindCA {
		return issuer.Authority != nil
	}
	return issuer.Kind != controllers.KindACME || s.Certificates.Account(issuer.Name) != ""
}

// message says what a state means, and what to do.
func (s Scene) message(state controllers.State, c Certificate) string {
	switch c.State {
	case NotOurs:
		return fmt.Sprintf("Secret %s/%s exists and was not made by wildcast. Remove it, or hand it over: kubectl annotate -n %s secret %s %s=true",
			c.Namespace, c.Name, c.Namespace, c.Name, controllers.AnnotationAdopt)
	case Held:
		return fmt.Sprintf("Issuer %s is missing or not valid; what is there stays. See: kubectl describe -n %s secret %s", c.Issuer, namespaceIn(c.Issuer), nameIn(c.Issuer))
	case NotReady:
		if state.Lacks != "" {
			return state.Lacks
		}
		return s.notReady(c.Issuer)
	case Expired, Failing, Limited:
		return s.failure(state, c)
	case Ordering, Renewing:
		return sentence("It is being obtained: " + state.Plan.Why)
	case Unused:
		return "Nobody asks for it: it is not renewed, and removed once it has expired."
	case Forgotten:
		return "Nobody asks for it, and it has expired: it is removed."
	}
	return ""
}

// notReady says what an issuer lacks, as it says itself.
func (s Scene) notReady(issuer string) string {
	said := "wildcast has not looked at it yet"
	for _, state := range s.Certificates.Issuers() {
		if state.Name.String() == issuer && state.Message != "" {
			said = state.Message
		}
	}
	return fmt.Sprintf("Issuer %s is not ready yet: %s See: kubectl describe -n %s secret %s", issuer, sentence(said), namespaceIn(issuer), nameIn(issuer))
}

// failure says why there is no certificate yet, what to do, and when it is tried again.
func (s Scene) failure(state controllers.State, c Certificate) string {
	var parts []string
	add := func(when bool, format string, args ...any) {
		if when {
			parts = append(parts, sentence(fmt.Sprintf(format, args...)))
		}
	}
	next, spent, limited := c.NextAttempt.Format(time.RFC3339), !state.Spent.Until.IsZero(), state.Record.Limited
	add(c.State == Expired, "It expired at %s", c.Expires.Format(time.RFC3339))
	add(spent, "It is not ordered yet: %s", state.Spent.What)
	add(!spent && c.LastError != "", "It was not issued: %s", c.LastError)
	add(!spent && !state.Record.Down.From.IsZero(), "The CA has been out of reach since %s: see whether it says so itself, and whether wildcast's pod may connect to it",
		state.Record.Down.From.UTC().Format(time.RFC3339))
	add(!spent && state.Record.Paused, "Open the link that the CA gives and unpause the names")
	add(!spent, "%s", remedy(state.Record.Authorizations))
	switch {
	case c.NextAttempt.IsZero():
		add(true, "It is tried again within five minutes")
	case spent || limited:
		add(true, "The next attempt is at %s", next)
	default:
		add(true, "The next attempt is at %s, or when who asks, the issuer or a solver changes", next)
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}
