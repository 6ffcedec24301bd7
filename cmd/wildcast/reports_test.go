package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestAnUnreadableNamespaceIsReportedWithTheRemedyOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		r := newReports(&options{namespace: "home"}, zap.New(core))
		secrets := schema.GroupResource{Resource: "secrets"}
		no := apierrors.NewForbidden(secrets, "", nil)
		said := func(want ...string) {
			t.Helper()
			entries := logs.TakeAll()
			if len(entries) != len(want) {
				t.Fatalf("%d entries, want %d", len(entries), len(want))
			}
			for i, e := range entries {
				if remedy := e.ContextMap()["remedy"].(string); !strings.Contains(remedy, want[i]) {
					t.Errorf("remedy %q, want %q", remedy, want[i])
				}
			}
		}
		r.unreadable("a", no)
		r.unreadable("a", no)
		said("in namespace a, or drop it from --namespaces")
		r.unreadable("b", apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "b"))
		said("create the namespace, or drop it")
		r.unreadable("home", no)
		said("without its home namespace it does nothing")
		time.Sleep(often)
		r.unreadable("a", no)
		said("drop it")
	})
}
