package report

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// Reflection is the state of one source's copies.
type Reflection struct {
	Object
	Selector string   `json:"selector"` // as its annotation has it
	As       string   `json:"as,omitempty"`
	Away     bool     `json:"away,omitempty"`     // it goes into other clusters only
	Contexts []string `json:"contexts,omitempty"` // other clusters, into which this command does not look
	Copies   int      `json:"copies"`             // that are there
	Behind   int      `json:"behind"`             // of these, not what the source is now
	Failing  int      `json:"failing"`            // that should be there
	Leaving  int      `json:"leaving"`            // that are about to go
	Targets  []Target `json:"targets"`            // all but those that are right
	Invalid  string   `json:"invalid,omitempty"`  // what is wrong with its annotations
	Reason   string   `json:"-"`                  // of the Event that says what is wrong
	InOrder  []string `json:"-"`                  // namespaces of the targets that are right
}

// Target is one copy.
type Target struct {
	Namespace string             `json:"namespace"`
	Name      string             `json:"name"`
	State     syncer.TargetState `json:"state"`
	Why       string             `json:"why,omitempty"`
}

// What a source is copied to that no selector says.
const (
	everywhere = "every namespace"
	elsewhere  = "other clusters only"
)

// Where says what a source is copied to: the selector as it was written, or what stands for it.
func (r Reflection) Where() string {
	switch {
	case r.Away:
		return elsewhere
	case r.Selector == "" || r.Selector == "true":
		return everywhere
	}
	return r.Selector
}

// reflect adds the sources of a kind to the report.
func (s Scene) reflect(kind syncer.Kind, r *Report) {
	survey := s.Copies[kind]
	for _, source := range survey.Sources() {
		if !s.shows(source.Name.Namespace) { // of another namespace's source, the copies here
			source.Targets = slices.DeleteFunc(source.Targets, func(t syncer.Target) bool { return !s.shows(t.At.Namespace) })
			if len(source.Targets) == 0 {
				continue
			}
		}
		reflection := reflectionOf(kind, source)
		r.Reflections = append(r.Reflections, reflection)
		r.Problems = append(r.Problems, s.problemsOf(reflection)...)
	}
	for _, t := range survey.Strays() {
		if s.shows(t.At.Namespace) && t.State == syncer.Kubeds {
			r.Problems = append(r.Problems, Problem{objectOf(string(kind), t.At), syncer.ReasonLeftByKubed, sentence(t.Why)})
		}
	}
}

func reflectionOf(kind syncer.Kind, source syncer.Source) Reflection {
	r := Reflection{Object: objectOf(string(kind), source.Name), Selector: source.Text, Away: source.Away, Targets: []Target{}}
	if source.Wrong != nil {
		r.Invalid, r.Reason = source.Wrong.Detail, source.Wrong.Reason
	} else {
		r.Contexts = source.Rule.Contexts
		if source.Rule.Name != source.Name.Name {
			r.As = source.Rule.Name
		}
	}
	for _, t := range source.Targets {
		switch t.State {
		case syncer.Synced, syncer.Kept:
			r.Copies++
			r.InOrder = append(r.InOrder, t.At.Namespace)
			continue
		case syncer.Behind:
			r.Copies, r.Behind = r.Copies+1, r.Behind+1
		case syncer.Leaving:
			r.Leaving++
		default:
			r.Failing++
		}
		r.Targets = append(r.Targets, Target{t.At.Namespace, t.At.Name, t.State, t.Why})
	}
	return r
}

// reasons are why copies are not there, by their state.
var reasons = map[syncer.TargetState]string{
	syncer.Blocked: syncer.ReasonTargetNotOurs, syncer.Beaten: syncer.ReasonConflict, syncer.Missing: syncer.ReasonTargetFailed,
}

// problemsOf are those of a source: one for each reason, with the first of the targets that have it.
func (s Scene) problemsOf(r Reflection) (problems []Problem) {
	if r.Invalid != "" {
		return []Problem{{r.Object, r.Reason, sentence(r.Invalid) + " Until then the copies stay as they are."}}
	}
	for _, state := range []syncer.TargetState{syncer.Blocked, syncer.Beaten, syncer.Missing} {
		var of []Target
		for _, t := range r.Targets {
			if t.State == state {
				of = append(of, t)
			}
		}
		if len(of) == 0 {
			continue
		}
		problems = append(problems, Problem{r.Object, reasons[state], s.messageOf(r, of)})
	}
	return problems
}

// messageOf tells of targets with the same state. Why a copy is missing ends with a command, after which nothing may stand.
func (s Scene) messageOf(r Reflection, of []Target) string {
	first, more := of[0], len(of)-1
	message := sentence(first.Why)
	if first.State == syncer.Missing {
		message = s.Warnings[r.Object]
	}
	switch {
	case message == "" && more == 0:
		return fmt.Sprintf("Copy %s/%s: %s", first.Namespace, first.Name, first.Why)
	case message == "":
		return fmt.Sprintf("%d copies, such as %s/%s: %s", len(of), first.Namespace, first.Name, first.Why)
	case more > 0:
		return fmt.Sprintf("%s So it is with %d more.", message, more)
	}
	return message
}

// Issuer is the state of one issuer.
type Issuer struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Kind      string `json:"kind,omitempty"`
	Server    string `json:"server,omitempty"` // without a login, which its URL may have
	State     string `json:"state"`            // Ready, Invalid, or Unseen: wildcast has not looked at it yet
	Message   string `json:"message,omitempty"`
	Account   string `json:"account,omitempty"`
	Budget    []Left `json:"budget,omitempty"` // what is left of the CA's limits, where something was used
}

// Left is what is left of a limit.
type Left struct {
	Limit string `json:"limit"`
	Of    string `json:"of"`
	Left  int    `json:"left"`
	Most  int    `json:"most"` // that the CA allows
}

// String says it in words; nothing of a limit that has none.
func (l Left) String() string {
	switch l.Limit {
	case "orders":
		return fmt.Sprintf("%d of %d orders", l.Left, l.Most)
	case "certificates-of-domain":
		return fmt.Sprintf("%d of %d under %s", l.Left, l.Most, l.Of)
	case "certificates-of-set":
		return fmt.Sprintf("%d of %d for exactly %s", l.Left, l.Most, l.Of)
	case "failures":
		return fmt.Sprintf("%d of %d failures of %s", l.Left, l.Most, l.Of)
	}
	return ""
}

// Unseen is the state of an issuer on which wildcast has not noted one.
const Unseen = "Unseen"

// issuer adds an issuer to the report.
func (s Scene) issuer(state controllers.IssuerState, r *Report) {
	i := Issuer{Namespace: state.Name.Namespace, Name: state.Name.Name, State: state.Status, Message: state.Message, Account: state.Account}
	if i.State == "" {
		i.State, i.Message = Unseen, "wildcast has not looked at it yet."
	}
	if state.Fault != "" {
		i.State, i.Message = controllers.StatusInvalid, state.Fault
	} else {
		i.Kind, i.Server = string(state.Issuer.Kind), state.Issuer.Server
		if state.Issuer.Kind == controllers.KindVault {
			i.Server = state.Issuer.Vault.Server
		}
		if i.State == controllers.StatusInvalid {
			r.Problems = append(r.Problems, Problem{objectOf("Secret", state.Name), controllers.ReasonInvalidIssuer, i.Message})
		}
	}
	for _, left := range s.Certificates.Budget(s.Now) {
		if left.CA == i.Server && (left.Limit != "orders" || left.Of == i.Account) && (left.Limit != "failures" || strings.HasPrefix(left.Of, i.Account+" ")) {
			i.Budget = append(i.Budget, Left{left.Limit, strings.TrimPrefix(left.Of, i.Account+" "), left.Left, left.Most})
		}
	}
	i.Server = withoutLogin(i.Server)
	r.Issuers = append(r.Issuers, i)
}

// withoutLogin is a URL without the name and password with which the server is asked.
func withoutLogin(server string) string {
	u, err := url.Parse(server)
	if err != nil || u.User == nil {
		return server
	}
	u.User = nil
	return u.String()
}
