package controllers

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
)

func TestGatewaysComeAndGoWithTheirDefinitionAnyNumberOfTimes(t *testing.T) {
	inGatewayServer(t, func(s *gatewayServer) {
		s.read("")
		s.holds("without a definition", "", true, true)
		for range 2 {
			s.serve("v1")
			s.put("shop/web")
			s.holds("with one", "shop/web", true, true)
			s.was("+shop/web")
			s.serve()
			s.holds("when it has gone", "", true, true)
			s.was("-shop/web")
			s.del("shop/web")
		}
		s.was()
		s.complained(0)
	})
}

func TestGatewaysAreKeptWhileTheVersionChangesInWhichTheyAreServed(t *testing.T) {
	inGatewayServer(t, func(s *gatewayServer) {
		s.serve("v1alpha2", "v1beta1")
		s.put("shop/web")
		s.read("")
		s.holds("in v1beta1", "shop/web", true, true)
		s.serve("v1beta1", "v1")
		s.put("shop/new")
		s.holds("in both", "shop/new shop/web", true, true)
		s.serve("v1")
		s.del("shop/web")
		s.holds("in v1", "shop/new", true, true)
		s.was("+shop/web", "+shop/new", "-shop/web")
		s.serve("v2")
		s.holds("in none that is understood", "", true, true)
	})
}

func TestGatewaysThatMayNotBeReadAnyMoreGoOnToCount(t *testing.T) {
	for name, failure := range map[string]error{"forbidden": noRight, "broken": broken} {
		t.Run(name, func(t *testing.T) {
			inGatewayServer(t, func(s *gatewayServer) {
				s.serve("v1")
				s.put("shop/web")
				s.put("shop/old")
				s.read("")
				s.was("+shop/old", "+shop/web")
				s.fail("gateways", failure)
				soon()
				s.holds("while it lasts", "shop/old shop/web", true, true)
				if u := s.unread(); len(u) != 1 || !u[0].Known || u[0].Err == nil {
					t.Errorf("unread are %+v", u)
				}
				s.del("shop/old")
				s.put("shop/new")
				time.Sleep(time.Hour)
				s.was()
				s.complained(map[string]int{"forbidden": 1}[name])

				s.fail("gateways", nil)
				soon()
				s.holds("afterwards", "shop/new shop/web", true, true)
				if u := s.unread(); len(u) != 0 {
					t.Errorf("unread are %+v", u)
				}
				s.fail("gateways", failure)
				s.complained(map[string]int{"forbidden": 1}[name])
			})
		})
	}
}

func TestGatewaysThatCannotBeReadAtFirstHoldNothingUpAndAreTakenInLater(t *testing.T) {
	for name, failure := range map[string]error{"forbidden": noRight, "broken": broken, "not served yet": apierrors.NewNotFound(gatewayResource, "")} {
		t.Run(name, func(t *testing.T) {
			inGatewayServer(t, func(s *gatewayServer) {
				s.serve("v1")
				s.put("shop/web")
				s.fail("gateways", failure)
				s.read("")
				s.holds("at first", "", true, false)
				if s.knownIn("shop") {
					t.Error("it is known what they ask for")
				}
				time.Sleep(time.Hour)
				s.was()
				s.fail("gateways", nil)
				soon()
				s.holds("later", "shop/web", true, true)
				s.was("+shop/web", "late ")
				if s.knownIn("shop") {
					t.Error("it is known what they ask for before that was judged")
				}
				for _, p := range s.readIn("") {
					p.know()
				}
				if !s.knownIn("shop") || !s.knownIn("") {
					t.Error("it is not known what they ask for")
				}
			})
		})
	}
}

func TestWithoutTheRightToSeeADefinitionItIsAskedWhatIsServed(t *testing.T) {
	inGatewayServer(t, func(s *gatewayServer) {
		s.fail("customresourcedefinitions", noRight)
		s.read("")
		s.holds("while the kind is not served", "", true, true)
		s.put("shop/web")
		s.serve("v1")
		soon()
		s.holds("once it is", "shop/web", true, true)
		s.serve()
		soon()
		s.holds("when it has gone", "", true, true)
		s.complained(1)
		s.fail("customresourcedefinitions", nil)
		soon()
		s.serve("v1")
		s.holds("with the right, at once", "shop/web", true, true)
	})
}

func TestUnderRolesItIsAskedEveryFewMinutesWhatIsServed(t *testing.T) {
	inGatewayServer(t, func(s *gatewayServer) {
		s.read("shop", "infra")
		s.holds("while the kind is not served", "", true, true)
		s.questions()
		time.Sleep(12*pollEvery + time.Second)
		synctest.Wait()
		if n := s.questions(); n != 12*len(gatewayVersions) {
			t.Errorf("%d requests in an hour", n)
		}
		for _, name := range []string{"shop/web", "infra/web", "other/web"} {
			s.put(name)
		}
		s.serve("v1")
		s.holds("at once", "", true, true)
		time.Sleep(pollEvery)
		synctest.Wait()
		s.holds("a few minutes later", "infra/web shop/web", true, true)
		s.serve()
		time.Sleep(pollEvery)
		synctest.Wait()
		s.holds("when it has gone", "", true, true)
	})
}

func TestUnderRolesAnAPIServerThatDoesNotAnswerIsAskedAgainSoon(t *testing.T) {
	inGatewayServer(t, func(s *gatewayServer) {
		s.serve("v1")
		s.put("shop/web")
		s.fail("discovery", broken)
		s.read("shop")
		s.holds("at first", "", true, false)
		soon()
		if n := s.questions(); n > 10 {
			t.Errorf("asked %d times in two minutes", n)
		}
		s.fail("discovery", nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		s.holds("then", "shop/web", true, true)
		s.was("+shop/web", "late shop")
		s.fail("discovery", broken)
		time.Sleep(time.Hour)
		synctest.Wait()
		s.holds("when it does not answer again", "shop/web", true, true)
		if u := s.unread(); len(u) != 0 {
			t.Errorf("unread are %+v", u)
		}
	})
}

func TestOneNamespaceWhoseGatewaysMayNotBeReadHoldsUpNoOther(t *testing.T) {
	inGatewayServer(t, func(s *gatewayServer) {
		s.serve("v1")
		s.put("shop/web")
		s.put("infra/web")
		s.dynamic.PrependReactor("list", "gateways", func(a clienttesting.Action) (bool, runtime.Object, error) {
			return a.GetNamespace() == "infra", nil, noRight
		})
		s.read("shop", "infra")
		s.holds("both", "shop/web", true, false)
		for _, p := range s.readIn("") {
			p.know()
		}
		if !s.knownIn("shop") || s.knownIn("infra") || s.knownIn("") {
			t.Error("it is not known of which namespace everything is known")
		}
		if u := s.unread(); len(u) != 1 || u[0].Namespace != "infra" || u[0].Known {
			t.Errorf("unread are %+v", u)
		}
	})
}

func TestUnreadableGatewaysHoldUpNoIngressAndWhatTheyMayAskForIsKept(t *testing.T) {
	r := newRig(t)
	s := newGatewayServer(t)
	s.define("v1")
	s.add("infra/web")
	s.breakOff("gateways", broken)

	target := types.NamespacedName{Namespace: "infra", Name: "s"}
	known := make(chan int, 8)
	r.config.Dynamic = s.dynamic
	r.config.Changed = func(at types.NamespacedName) {
		if at == (types.NamespacedName{Namespace: "infra"}) {
			known <- len(r.asked(target))
		}
	}
	r.add(wiki)
	defer r.run()()
	r.eventually("the Ingress's certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	other := key("infra/other")
	r.eventually("what the Gateway may ask for is kept", func() bool { return r.keeps(shared, other) })
	if r.keeps(record, other) {
		t.Error("what it cannot ask for is kept")
	}
	survey, err := NewSurvey(Config{Home: home}, r.objects(), false)
	if err != nil || !survey.Keeps(shared, other) {
		t.Errorf("a survey does not know of it: %v", err)
	}
	if n := r.series("wildcast_gateways_unreadable"); n != 1 {
		t.Errorf("%d kinds of Gateways are counted as unreadable, want 1", n)
	}

	s.breakOff("gateways", nil)
	if asks := <-known; asks != 1 {
		t.Errorf("%d asks when it is said that they are known", asks)
	}
	r.eventually("nothing is in doubt", func() bool { return !r.keeps(shared, other) })
	if n := r.series("wildcast_gateways_unreadable"); n != 0 {
		t.Errorf("%d kinds of Gateways are counted as unreadable, want none", n)
	}
}

func TestAnExpiredCertificateThatAnUnreadableGatewayMayAskForIsKept(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.pass(time.Hour)
		l.c.caches.gateways = newGateways([]string{""}, gatewaySource{}, zap.NewNop())
		if err := l.c.caches.ingresses[""].GetIndexer().Delete(wiki); err != nil {
			t.Fatal(err)
		}
		if _, err := l.c.reconcileAsker(t.Context(), nameOf(wiki)); err != nil {
			t.Fatal(err)
		}
		l.pass(100 * day)
		if l.secret(shared) == nil {
			t.Error("it is gone")
		}
		for _, g := range l.c.caches.gateways {
			_ = g.parts[""].Replace(nil, "")
		}
		l.c.learn()
		l.pass(time.Hour)
		if l.secret(shared) != nil {
			t.Error("it is there, and nobody asks for it")
		}
	})
}
