package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
	"github.com/wildcast/wildcast/cmd/wildcast/internal/statuspage"
	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// lookout reports on what a running wildcast holds in its caches. It lists nothing. What it asks the API server is who
// leads, what stands where something is missing, and each source once whose copies cannot be judged without it.
type lookout struct {
	o       *options
	app     *app
	kube    kubernetes.Interface
	replica string
	heard   *heard
}

func newLookout(o *options, app *app, kube kubernetes.Interface, heard *heard) *lookout {
	replica, err := os.Hostname()
	if err != nil {
		replica = "this one"
	}
	return &lookout{o, app, kube, replica, heard}
}

// askedAtMost is how many places of each kind are looked at in one report, where something is missing.
const askedAtMost = 50

// look makes a report. What the API server does not answer is one of its problems.
func (l *lookout) look(ctx context.Context) (statuspage.Snapshot, error) {
	if !l.app.ready() {
		return statuspage.Snapshot{}, errors.New("caches are not filled yet")
	}
	objects := l.app.certificates.Objects()
	certificates, err := controllers.NewSurvey(controllers.Config{
		Home: l.o.namespace, DefaultIssuer: l.o.defaultIssuer, CertManagerAnnotations: l.o.certManagerAnnotations, SolverPrograms: l.o.dns01ExecDir,
	}, objects, false)
	if err != nil {
		return statuspage.Snapshot{}, err
	}
	s := report.Scene{Now: time.Now(), Certificates: certificates, Warnings: l.heard.last(), Copies: map[syncer.Kind]*syncer.Survey{
		syncer.Secrets: l.app.secrets.Survey(requests{certificates}), syncer.ConfigMaps: l.app.configMaps.Survey(nil),
	}}
	unanswered := l.ask(ctx, &s)
	r := report.Make(s)
	r.Problems = slices.Concat(unanswered, l.unreadable(objects.Namespaces), l.unread(objects.Unread), r.Problems)
	return statuspage.Snapshot{Report: r, Replica: l.replica, Leads: l.app.leads.Load(), Namespaces: namesOf(objects.Namespaces)}, nil
}

// ask adds to the scene what only the API server knows.
func (l *lookout) ask(ctx context.Context, s *report.Scene) []report.Problem {
	var err error
	if s.Running, err = l.running(ctx); err == nil {
		asked := 0
		err = meet(ctx, l.kube, s, func(types.NamespacedName) bool { asked++; return asked <= askedAtMost })
	}
	for _, kind := range []syncer.Kind{syncer.Secrets, syncer.ConfigMaps} {
		if err == nil {
			err = s.Copies[kind].Probe(ctx, askedAtMost)
		}
		if err == nil {
			err = s.Copies[kind].Read(ctx)
		}
	}
	if err == nil {
		return nil
	}
	return []report.Problem{{
		Object: report.Object{Kind: "Lease", Namespace: l.o.namespace, Name: leaseName}, Reason: "NotAnswered",
		Message: fmt.Sprintf("The API server has not answered a question: %v. Here is what was known before; copies that are missing or behind may be judged wrongly. See: kubectl get --raw /readyz", err),
	}}
}

func (l *lookout) running(ctx context.Context) (report.Running, error) {
	if !l.o.leaderElect {
		return report.Running{Leader: l.replica, Renewed: time.Now().UTC().Truncate(time.Second)}, nil
	}
	running, err := readLease(ctx, l.kube, l.o.namespace)
	if err != nil {
		running.Unknown = "the Lease could not be read"
	}
	return running, err
}

// unreadable are the watched namespaces of which nothing is known.
func (l *lookout) unreadable(known []*corev1.Namespace) (problems []report.Problem) {
	for _, name := range l.o.watched() {
		if !slices.ContainsFunc(known, func(n *corev1.Namespace) bool { return n.Name == name }) {
			problems = append(problems, unreadable(name, l.app.reports.remedy(name, nil)))
		}
	}
	return problems
}

// unreadable is the problem that nothing is known of a watched namespace.
func unreadable(namespace, remedy string) report.Problem {
	return report.Problem{
		Object: report.Object{Kind: "Namespace", Name: namespace}, Reason: "Unreadable",
		Message: "It cannot be read, or is not there; what is in it stays as it is and is not shown here. To change that, " + remedy + ".",
	}
}

// unread are the Gateways that cannot be read.
func (l *lookout) unread(all []controllers.UnreadGateways) (problems []report.Problem) {
	for _, u := range all {
		where, meanwhile := "", "Copies that they may ask for stay, and whatever else they ask for does not count."
		if u.Namespace != "" {
			where = " in namespace " + u.Namespace
		}
		if u.Known {
			meanwhile = "What they asked for before goes on to count."
		}
		remedy := "see: kubectl get " + u.Resource.String() + " -A"
		if apierrors.IsForbidden(u.Err) {
			remedy = l.app.reports.gateways(u.Namespace)
		}
		problems = append(problems, report.Problem{
			Object: report.Object{Kind: "CustomResourceDefinition", Name: u.Resource.String()}, Reason: "Unreadable",
			Message: fmt.Sprintf("Its Gateways%s cannot be read: %v. %s To change that, %s.", where, u.Err, meanwhile, remedy),
		})
	}
	return problems
}

func namesOf(namespaces []*corev1.Namespace) []string {
	var names []string
	for _, n := range namespaces {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	return names
}
