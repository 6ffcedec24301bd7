package controllers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/controllers/loop"
)

// paperCA issues certificates without looking, by the clock of its bubble.
type paperCA struct {
	key      crypto.Signer
	lifetime time.Duration
	refuse   func(order int) error                                   // may be nil
	suggest  func(*x509.Certificate) (acmeclient.RenewalInfo, error) // nil: no renewal information
	down     bool                                                    // nobody answers
	killed   error                                                   // ends an order that has begun; may be nil
	orders   []paperOrder
	resumed  []string
	asked    []time.Time
	leaves   map[string]*x509.Certificate // by identifier
}

type paperOrder struct {
	at       time.Time
	replaces string
	issued   bool
}

func (ca *paperCA) Register(context.Context, crypto.Signer, acmeclient.Registration) (string, error) {
	return "https://ca.test/account/1", nil
}

func (ca *paperCA) ChangeContact(context.Context, acmeclient.Account, string) error { return nil }

func (ca *paperCA) Identities(context.Context) ([]string, error) { return nil, nil }

func (ca *paperCA) RenewalInfo(_ context.Context, id string) (acmeclient.RenewalInfo, error) {
	if ca.suggest == nil {
		return acmeclient.RenewalInfo{}, &acmeclient.Error{Op: "ask", Err: acmeclient.ErrNoRenewalInfo}
	}
	ca.asked = append(ca.asked, time.Now())
	return ca.suggest(ca.leaves[id])
}

func (ca *paperCA) Order(ctx context.Context, _ acmeclient.Account, req acmeclient.Request) ([]byte, error) {
	if ca.down {
		return nil, &acmeclient.Error{Op: "read directory", Down: true, Err: errors.New("connection refused")}
	}
	ca.orders = append(ca.orders, paperOrder{at: time.Now(), replaces: req.Replaces})
	if req.URL != "" {
		ca.resumed = append(ca.resumed, req.URL)
	}
	if req.URL == "" {
		if err := req.Begun(ctx, fmt.Sprint("https://ca.test/order/", len(ca.orders))); err != nil {
			return nil, &acmeclient.Error{Op: "record order", Reached: true, Err: err}
		}
	}
	if ca.killed != nil {
		return nil, &acmeclient.Error{Op: "await authorization", Err: ca.killed}
	}
	if ca.refuse != nil {
		if err := ca.refuse(len(ca.orders)); err != nil {
			return nil, err
		}
	}
	ca.orders[len(ca.orders)-1].issued = true
	return ca.sign(req)
}

func (ca *paperCA) sign(req acmeclient.Request) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: serial, DNSNames: req.Names, NotBefore: time.Now(), NotAfter: time.Now().Add(ca.lifetime)}
	parent := &x509.Certificate{Subject: pkix.Name{CommonName: "paper"}, SubjectKeyId: []byte{1, 2, 3, 4}}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, req.Key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	ca.leaves[acmeclient.CertificateID(leaf)] = leaf
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// issued are the times at which certificates were issued.
func (ca *paperCA) issued() (at []time.Time) {
	for _, o := range ca.orders {
		if o.issued {
			at = append(at, o.at)
		}
	}
	return at
}

// life is one certificate's, in a bubble of fake time: the controller's own logic, a fake cluster, and a CA on paper. No
// informer and no queue runs, since their tickers alone would wake a year thirty million times.
type life struct {
	*rig
	ca       *paperCA
	spare    *paperCA // of an issuer at https://spare.test/dir; may be nil
	c        *Controller
	failures int    // in a row, as the loop counts them
	limits   limits // of the CA; from the next restart
}

// inBubble tells the story of a certificate, whose first reconciliation is at once.
func inBubble(t *testing.T, lifetime time.Duration, issuer map[string]string, story func(*life)) {
	t.Helper()
	key, err := EC256.generate()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		l := &life{rig: &rig{t: t, kube: newCluster()}}
		l.ca = &paperCA{key: key, lifetime: lifetime, leaves: map[string]*x509.Certificate{}}
		l.add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "infra", Labels: selected}})
		data := map[string][]byte{"server": []byte("https://ca.test/dir")}
		for k, v := range issuer {
			data[k] = []byte(v)
		}
		l.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "le"}, Type: TypeIssuer, Data: data})
		l.add(solverSecret())
		text, err := marshalKey(key)
		if err != nil {
			t.Fatal(err)
		}
		l.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "le.account"}, Type: TypeAccount, Data: map[string][]byte{
			accountKey: text, accountServer: data["server"], accountURL: []byte("https://ca.test/account/1")}})
		l.restart()
		story(l)
	})
}

// restart begins a new process.
func (l *life) restart() {
	l.t.Helper()
	namespaces, err := NewNamespaces(l.kube)
	if err != nil {
		l.t.Fatal(err)
	}
	l.c, err = New(Config{Kube: l.kube, Namespaces: namespaces, Solvers: nameserver{}, Events: l, Log: zap.NewNop(), Home: home})
	if err != nil {
		l.t.Fatal(err)
	}
	l.stopQueues()
	l.c.cas.clients["https://ca.test/dir\n"] = l.ca
	if l.spare != nil {
		l.c.cas.clients["https://spare.test/dir\n"] = l.spare
	}
	if l.limits != (limits{}) {
		l.c.ledger.limits["https://ca.test/dir"] = l.limits
	}
	l.look()
	if err := namespaces.GetIndexer().Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "infra", Labels: selected}}); err != nil {
		l.t.Fatal(err)
	}
	if err := l.c.caches.ingresses[""].GetIndexer().Add(wiki.DeepCopy()); err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.c.reconcileAsker(l.t.Context(), nameOf(wiki)); err != nil {
		l.t.Fatal(err)
	}
	l.failures = 0
}

// stopQueues ends the queues, which are not used here, and whose heart beats every ten seconds.
func (l *life) stopQueues() {
	l.t.Helper()
	ended, end := context.WithCancel(l.t.Context())
	end()
	for _, queue := range []*loop.Loop[types.NamespacedName]{l.c.askerLoop, l.c.issuerLoop, l.c.solverLoop, l.c.pageLoop, l.c.standingLoop, l.c.certificateLoop} {
		_ = queue.Run(ended, 0) // its error is that it has ended
	}
}

// look brings the caches up to date.
func (l *life) look() {
	l.t.Helper()
	found, err := l.kube.Tracker().List(secretsResource, corev1.SchemeGroupVersion.WithKind("Secret"), "")
	if err != nil {
		l.t.Fatal(err)
	}
	var issuers, solvers, accounts, orders, managed []any
	for _, s := range found.(*corev1.SecretList).Items {
		switch {
		case s.Type == TypeIssuer:
			issuers = append(issuers, &s)
		case s.Type == TypeSolver:
			solvers = append(solvers, &s)
		case s.Type == TypeAccount:
			accounts = append(accounts, &s)
		case s.Type == TypeOrder:
			orders = append(orders, &s)
			l.c.onOrder(nil, &s)
		case s.Labels[LabelManaged] == "true":
			managed = append(managed, &s)
		}
	}
	caches := l.c.caches
	err = errors.Join(caches.issuers[""].GetIndexer().Replace(issuers, ""), caches.solvers[""].GetIndexer().Replace(solvers, ""), caches.accounts[""].GetIndexer().Replace(accounts, ""),
		caches.orders[""].GetIndexer().Replace(orders, ""), caches.managed[""].GetIndexer().Replace(managed, ""))
	if err != nil {
		l.t.Fatal(err)
	}
}

// pass lets time pass as the loop does: the certificate is looked at now, and whenever it is due.
func (l *life) pass(d time.Duration) {
	l.t.Helper()
	end := time.Now().Add(d)
	for {
		l.look()
		again, err := l.c.reconcileCertificate(l.t.Context(), shared)
		l.failures++
		if err == nil {
			l.failures = 0
		} else {
			again = loop.Backoff(l.failures)
		}
		left := time.Until(end)
		if again == 0 || again > left {
			time.Sleep(left)
			return
		}
		time.Sleep(min(again, day))
	}
}

// have is the certificate in the Secret.
func (l *life) have() *Have {
	l.look()
	return l.c.gather(shared).have()
}

// annotate sets an annotation of the certificate's Secret.
func (l *life) annotate(key, value string) {
	l.t.Helper()
	l.change(shared, func(s *corev1.Secret) { s.Annotations[key] = value })
}

// writes counts the requests that change something.
func (l *life) writes() (n int) {
	for _, a := range l.kube.Actions() {
		if _, reads := a.(clienttesting.GetAction); !reads || a.GetVerb() == "delete" {
			n++
		}
	}
	return n
}

// A year of renewals in which some orders fail: the certificate never expires, and a CA is never asked more often than
// the lifetime needs.
func TestAYearOfRenewalsWithFailures(t *testing.T) {
	refused := &acmeclient.Error{Op: "validate", Name: "*.a.test", Type: "unauthorized", Status: 403, Reached: true}
	for _, lifetime := range []time.Duration{90 * day, 45 * day, 160 * time.Hour, time.Hour} {
		t.Run(lifetime.String(), func(t *testing.T) {
			inBubble(t, lifetime, nil, func(l *life) {
				l.ca.refuse = func(order int) error {
					switch order % 5 {
					case 2:
						return refused
					case 3:
						return &acmeclient.Error{Op: "connect"}
					}
					return nil
				}
				year := 365 * day
				if lifetime == time.Hour {
					year = 2 * day
				}
				began := time.Now()
				l.pass(year)
				issued := l.ca.issued()
				for i, at := range issued[1:] {
					if gap := at.Sub(issued[i]); gap > lifetime*19/20 || gap < lifetime*45/100-time.Second {
						t.Errorf("renewed %s after it was made", gap)
					}
				}
				if left := time.Until(l.have().NotAfter); left < lifetime/20 {
					t.Errorf("%s are left at the end", left)
				}
				rule := lifetime * 2 / 3
				if lifetime < 10*day {
					rule = lifetime / 2
				}
				if most := int(year/(rule-lifetime/20)) + 1; len(issued) > most {
					t.Errorf("%d certificates in %s, want at most %d", len(issued), time.Since(began), most)
				}
			})
		})
	}
}

func TestACAsWindowDecidesAndIsAskedForInTurnWithoutAWrite(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.ca.suggest = func(leaf *x509.Certificate) (acmeclient.RenewalInfo, error) {
			return acmeclient.RenewalInfo{Start: leaf.NotBefore.Add(70 * day), End: leaf.NotBefore.Add(72 * day), RetryAfter: 8 * time.Hour}, nil
		}
		l.pass(time.Minute)
		at := l.have().renewAt(0)
		if got := l.secret(shared).Annotations[AnnotationRenewAt]; got != at.UTC().Format(time.RFC3339) {
			t.Errorf("the annotation says %s, want %s", got, at)
		}
		if from := l.have().NotBefore.Add(70 * day); at.Before(from) || at.After(from.Add(2*day)) {
			t.Errorf("due at %s, want it in the window from %s", at, from)
		}
		if got := len(l.ca.asked); got != 1 {
			t.Errorf("asked %d times for a new certificate", got)
		}
		l.kube.ClearActions()
		for range 20 {
			l.pass(day)
			l.restart()
		}
		if n := l.writes(); n > 0 {
			t.Errorf("%d writes, though nothing changed", n)
		}
		if n := len(l.ca.asked); n < 55 || n > 61 {
			t.Errorf("asked %d times in 20 days of 8 hours, over 20 restarts", n)
		}
		for i, when := range l.ca.asked[2:] {
			if gap := when.Sub(l.ca.asked[i+1]); gap < 8*time.Hour-time.Minute {
				t.Errorf("asked again after %s", gap)
			}
		}
		if !l.have().renewAt(0).Equal(at) {
			t.Errorf("after a restart it is due at %s, want %s", l.have().renewAt(0), at)
		}
		l.pass(time.Until(at) + time.Hour)
		issued := l.ca.issued()
		if len(issued) != 2 || issued[1].Before(at) || issued[1].After(at.Add(time.Minute)) {
			t.Errorf("issued at %s, want once more at %s", issued, at)
		}
		if got := l.ca.orders[1].replaces; got == "" || l.ca.leaves[got] == nil {
			t.Errorf("the renewal replaces %q", got)
		}
	})
}

// The watches of certificates and of records are two: either may be behind the other.
func TestARecordThatIsSeenLaterThanItsCertificateChangesNothing(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.ca.suggest = func(leaf *x509.Certificate) (acmeclient.RenewalInfo, error) {
			return acmeclient.RenewalInfo{Start: leaf.NotBefore.Add(70 * day), End: leaf.NotBefore.Add(72 * day)}, nil
		}
		var records []*corev1.Secret
		l.kube.PrependReactor("*", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
			if _, s := actionOn(a); s != nil && s.Type == TypeOrder {
				records = append(records, s.DeepCopy())
			}
			return false, nil, nil
		})
		l.pass(time.Minute)
		if len(records) < 2 {
			l.t.Fatalf("%d states of the record, want those from before it was issued too", len(records))
		}
		l.look()
		l.kube.ClearActions()
		for i, seen := range append([]*corev1.Secret{nil}, records...) {
			var all []any
			if seen != nil {
				all = append(all, seen)
			}
			if err := l.c.caches.orders[""].GetIndexer().Replace(all, ""); err != nil {
				l.t.Fatal(err)
			}
			if _, err := l.c.reconcileCertificate(l.t.Context(), shared); err != nil {
				l.t.Fatal(err)
			}
			if n := l.writes(); n > 0 || len(l.ca.orders) != 1 {
				t.Errorf("%d writes and %d orders after the state %d of %d", n, len(l.ca.orders), i, len(records))
			}
		}
	})
}

func TestAWindowThatMovesIsWrittenOnceAndOneThatIsPastRenewsNow(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		var shift atomic.Int64
		l.ca.suggest = func(leaf *x509.Certificate) (acmeclient.RenewalInfo, error) {
			start := leaf.NotBefore.Add(60*day + time.Duration(shift.Load()))
			return acmeclient.RenewalInfo{Start: start, End: start.Add(day)}, nil
		}
		l.pass(day)
		before := l.have()
		shift.Store(int64(-10 * day))
		l.kube.ClearActions()
		l.pass(day)
		if at := l.have().renewAt(0); at.After(before.renewAt(0).Add(-9*day)) || l.have().Serial != before.Serial {
			t.Errorf("due at %s, before that at %s", at, before.renewAt(0))
		}
		if n := l.writes(); n != 2 {
			t.Errorf("%d writes for a new window, want the record's and the annotation's", n)
		}
		shift.Store(int64(-61 * day)) // the certificate was revoked: its window begins before the certificate
		l.restart()
		l.ca.refuse = func(order int) error {
			shift.Store(0)
			if order < 4 {
				return &acmeclient.Error{Op: "create order", Status: 403, Reached: true}
			}
			return nil
		}
		l.pass(7 * time.Hour)
		if got := len(l.ca.issued()); got != 2 || l.have().Serial == before.Serial {
			t.Errorf("%d certificates, %d orders, want a new one after two failures", got, len(l.ca.orders))
		}
		if l.ca.orders[1].replaces == "" || l.ca.orders[2].replaces != "" {
			t.Errorf("orders %+v, want what is replaced in the first attempt and not in those after a refusal", l.ca.orders)
		}
	})
}

func TestACAThatCannotSayWhenToRenewChangesNothing(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.ca.suggest = func(*x509.Certificate) (acmeclient.RenewalInfo, error) {
			return acmeclient.RenewalInfo{}, &acmeclient.Error{Op: "read renewal information", Status: 503, RetryAfter: 12 * time.Hour}
		}
		l.pass(time.Minute)
		have := l.have()
		if at := have.renewAt(0); !at.Equal(have.ruledAt(0)) {
			t.Errorf("due at %s, want the rule's %s", at, have.ruledAt(0))
		}
		l.kube.ClearActions()
		l.pass(10 * day)
		if n := l.writes(); n > 0 || len(l.ca.orders) != 1 {
			t.Errorf("%d writes, %d orders", n, len(l.ca.orders))
		}
		if n := len(l.ca.asked); n > 22 {
			t.Errorf("asked %d times in 10 days, though it said every 12 hours", n)
		}
		l.pass(time.Until(have.renewAt(0)) + time.Hour)
		if len(l.ca.issued()) != 2 {
			t.Errorf("%d certificates at the rule's time", len(l.ca.issued()))
		}
	})
}

// A CA that hands out such a window with each certificate is broken, and would have orders without end.
func TestACAThatWantsEachCertificateRenewedAtOnceIsMetWithBackOff(t *testing.T) {
	for name, end := range map[string]time.Duration{"long ago": -1000 * day, "in an hour": time.Hour} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 90*day, nil, func(l *life) {
				l.ca.suggest = func(*x509.Certificate) (acmeclient.RenewalInfo, error) {
					return acmeclient.RenewalInfo{Start: time.Now().Add(end - time.Hour), End: time.Now().Add(end)}, nil
				}
				l.pass(10 * day)
				if n := len(l.ca.orders); n < 5 || n > 14 {
					t.Errorf("%d orders in 10 days", n)
				}
			})
		})
	}
}

func TestANewTextOfTheRenewAnnotationRenewsOnce(t *testing.T) {
	for _, rotate := range []string{"true", "false"} {
		t.Run("rotateKey "+rotate, func(t *testing.T) {
			inBubble(t, 90*day, map[string]string{"rotateKey": rotate}, func(l *life) {
				l.pass(day)
				first := l.have()
				l.annotate(AnnotationRenew, "now")
				l.pass(day)
				second := l.have()
				if second.Serial == first.Serial || second.Revision != 2 || second.Renewed != "now" {
					t.Errorf("got %+v", second)
				}
				same := second.Key.Public().(*ecdsa.PublicKey).Equal(first.Key.Public())
				if same == (rotate == "true") {
					t.Errorf("the key is the same: %t", same)
				}
				l.restart()
				l.pass(day)
				l.annotate(AnnotationRenew, "")
				l.pass(day)
				l.annotate(AnnotationRenew, "now")
				l.pass(day)
				if n := len(l.ca.orders); n != 2 {
					t.Errorf("%d orders, want one for the certificate and one for the text", n)
				}
				l.annotate(AnnotationRenew, "again")
				l.pass(time.Minute)
				if n := len(l.ca.orders); n != 3 {
					t.Errorf("%d orders, want one more for the next text", n)
				}
			})
		})
	}
}

func TestARenewalThatIsAskedForSurvivesFailuresAndARestart(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.pass(day)
		first := l.have()
		l.ca.refuse = func(order int) error {
			if order < 4 {
				return &acmeclient.Error{Op: "validate", Status: 403, Reached: true}
			}
			return nil
		}
		l.annotate(AnnotationRenew, "now")
		l.pass(5 * time.Minute)
		l.restart()
		l.pass(time.Hour)
		if got := l.have(); got.Serial == first.Serial || len(l.ca.orders) != 4 {
			t.Errorf("after %d orders there is %+v", len(l.ca.orders), got)
		}
	})
}

// A new text ends a wait of ours, as a change of the Ingress does.
func TestANewTextEndsTheBackOffButNotTheCAsWish(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.pass(61 * day)
		l.ca.refuse = func(int) error { return &acmeclient.Error{Op: "validate", Status: 403, Reached: true} }
		l.pass(9 * day)
		before := len(l.ca.orders)
		l.annotate(AnnotationRenew, "try")
		l.pass(time.Second)
		if n := len(l.ca.orders); n != before+1 {
			t.Errorf("%d orders became %d", before, n)
		}
		l.ca.refuse = func(int) error { return &acmeclient.Error{Status: 429, Reached: true, RetryAfter: 2 * day} }
		l.annotate(AnnotationRenew, "try again")
		l.pass(time.Second)
		before = len(l.ca.orders)
		l.annotate(AnnotationRenew, "and again")
		l.pass(day)
		if n := len(l.ca.orders); n != before {
			t.Errorf("%d orders became %d while the CA wanted to wait", before, n)
		}
	})
}

func TestBackOffIsShortWhenTheCertificateIsAboutToExpire(t *testing.T) {
	for _, row := range []struct {
		lifetime    time.Duration
		least, most int // attempts in the last twentieth
	}{{90 * day, 100, 110}, {160 * time.Hour, 9, 12}, {time.Hour, 2, 4}} {
		t.Run(row.lifetime.String(), func(t *testing.T) {
			inBubble(t, row.lifetime, nil, func(l *life) {
				l.pass(time.Second)
				l.ca.refuse = func(int) error { return &acmeclient.Error{Op: "validate", Status: 403, Reached: true} }
				have := l.have()
				l.pass(time.Until(have.emergency()) - time.Second)
				before := len(l.ca.orders)
				l.pass(time.Until(have.NotAfter))
				if n := len(l.ca.orders) - before; n < row.least || n > row.most {
					t.Errorf("%d attempts in the last twentieth, %d before", n, before)
				}
				if row.lifetime == 90*day && before > 35 {
					t.Errorf("%d attempts in the month before that", before)
				}
				before = len(l.ca.orders)
				l.pass(10 * day)
				if n := len(l.ca.orders) - before; n > 11 {
					t.Errorf("%d attempts in ten days after it expired", n)
				}
			})
		})
	}
}

func TestTheRecordOfAnOrderThatNeverCameToAnEndGoesAWeekAfterNobodyAsksForItAnyMore(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.ca.refuse = func(int) error { return &acmeclient.Error{Op: "validate", Status: 403, Reached: true} }
		l.pass(3 * day)
		failed := l.secret(record)
		if failed == nil || l.have() != nil {
			t.Fatal("the order has not failed")
		}
		if err := l.c.caches.ingresses[""].GetIndexer().Delete(wiki); err != nil {
			t.Fatal(err)
		}
		if _, err := l.c.reconcileAsker(t.Context(), nameOf(wiki)); err != nil {
			t.Fatal(err)
		}
		useful := recordOf(failed).usefulUntil()
		if week := time.Until(useful); week < 7*day || week > 9*day+time.Hour {
			t.Errorf("it is kept for %s", week)
		}
		before := l.writes()
		l.pass(time.Until(useful) - time.Second)
		if l.secret(record) == nil {
			t.Error("it has gone while it was of use")
		}
		l.pass(time.Minute)
		if l.secret(record) != nil {
			t.Error("it is there")
		}
		if n := l.writes() - before; n != 1 {
			t.Errorf("%d writes, want one", n)
		}
	})
}

func TestTheCAsWishCountsAlsoWhenTheCertificateIsAboutToExpire(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.pass(time.Second)
		l.ca.refuse = func(int) error { return &acmeclient.Error{Status: 429, Reached: true, RetryAfter: 2 * day} }
		l.pass(90 * day)
		if n := len(l.ca.orders); n > 19 { // the first, and one each two days from the 55th at the earliest
			t.Errorf("%d orders, though the CA wanted two days between them", n)
		}
	})
}

func TestACAIsNotAskedEachTimeThatItsAnswerCannotBeRecorded(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.pass(time.Minute)
		l.ca.suggest = func(leaf *x509.Certificate) (acmeclient.RenewalInfo, error) {
			return acmeclient.RenewalInfo{Start: leaf.NotBefore.Add(40 * day), End: leaf.NotBefore.Add(41 * day)}, nil
		}
		busy := apierrors.NewInternalError(errors.New("etcd is busy"))
		l.kube.PrependReactor("update", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
			at, _ := actionOn(a)
			return at == record, nil, busy
		})
		l.pass(day)
		if n := len(l.ca.asked); n < 2 || n > 24*60 {
			t.Fatalf("asked %d times in a day", n)
		}
		for i, at := range l.ca.asked[1:] {
			if gap := at.Sub(l.ca.asked[i]); gap < time.Minute {
				t.Errorf("asked again after %s", gap)
			}
		}
	})
}
