package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// Scene is what is reported on.
type Scene struct {
	Now          time.Time
	Namespace    string // empty for all
	Running      Running
	Certificates *controllers.Survey
	Copies       map[syncer.Kind]*syncer.Survey
	Warnings     map[Object]string // wildcast's last Event about an object
}

// Object names an object.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

func (o Object) String() string { return o.Kind + " " + o.Namespace + "/" + o.Name }

// named is String, for objects without a namespace too.
func (o Object) named() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.String()
}

func objectOf(kind string, name types.NamespacedName) Object {
	return Object{kind, name.Namespace, name.Name}
}

// Report is how wildcast stands.
type Report struct {
	Time         time.Time     `json:"time"`
	Running      Running       `json:"running"`
	Problems     []Problem     `json:"problems"`
	Certificates []Certificate `json:"certificates"`
	Reflections  []Reflection  `json:"reflections"`
	Issuers      []Issuer      `json:"issuers"`
}

// Problem is something that somebody should act on. The message says what to do.
type Problem struct {
	Object  Object `json:"object"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Running tells of the replica that leads.
type Running struct {
	Leader  string    `json:"leader,omitempty"`
	Renewed time.Time `json:"renewed,omitzero"` // when it last said that it leads
	Unknown string    `json:"unknown,omitempty"`
}

// leaseLasts is after how long without a word a leader is taken for gone.
const leaseLasts = 15 * time.Second

// problem is that nobody leads.
func (r Running) problem(now time.Time) []Problem {
	const remedy = "No certificate is renewed and no copy is kept. See: kubectl get pods -A -l app.kubernetes.io/name=wildcast"
	lease := Object{"Lease", "", "wildcast"}
	switch {
	case r.Unknown != "":
		return nil
	case r.Leader == "":
		return []Problem{{lease, "NotRunning", "No wildcast leads. " + remedy}}
	case now.Sub(r.Renewed) > leaseLasts:
		return []Problem{{lease, "NotRunning", "The leader, " + r.Leader + ", was last heard of at " + r.Renewed.UTC().Format(time.RFC3339) + ". " + remedy}}
	}
	return nil
}

// Make makes the report of a scene.
func Make(s Scene) Report {
	r := Report{Time: s.Now.UTC().Truncate(time.Second), Running: s.Running, Problems: s.Running.problem(s.Now)}
	for _, p := range s.Certificates.Problems() {
		if s.shows(p.Object.Namespace) {
			r.Problems = append(r.Problems, Problem{objectOf(string(p.Object.Kind), p.Object.NamespacedName), p.Reason, p.Note})
		}
	}
	for _, state := range s.Certificates.Certificates(s.Now) {
		if !s.shows(state.Name.Namespace) && !slices.ContainsFunc(asksOf(state), func(a controllers.Ask) bool { return s.shows(a.By.Namespace) }) {
			continue
		}
		c := s.certificate(state)
		r.Certificates = append(r.Certificates, c)
		r.Problems = append(r.Problems, c.problems()...)
	}
	for _, kind := range []syncer.Kind{syncer.Secrets, syncer.ConfigMaps} {
		s.reflect(kind, &r)
	}
	for _, state := range s.Certificates.Issuers() {
		if s.shows(state.Name.Namespace) || s.uses(state.Name, r.Certificates) {
			s.issuer(state, &r)
		}
	}
	slices.SortStableFunc(r.Certificates, func(a, b Certificate) int { return cmp.Compare(a.State.rank(), b.State.rank()) })
	return r
}

func (s Scene) shows(namespace string) bool { return s.Namespace == "" || s.Namespace == namespace }

func (s Scene) uses(issuer types.NamespacedName, certificates []Certificate) bool {
	return slices.ContainsFunc(certificates, func(c Certificate) bool { return c.Issuer == issuer.String() })
}

// sentence ends a text as a sentence ends.
func sentence(text string) string {
	if text = strings.TrimSpace(text); text == "" || strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}
