package syncer

import (
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestRequests: what Ingresses ask for.
func TestRequests(t *testing.T) {
	play(t, []scene{
		{"an Ingress gets the copy under the name that it asks for, beside the other, while its namespace is selected", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			request := Request{Source: place("home/s"), Asker: &corev1.ObjectReference{Kind: "Ingress", Namespace: "blue", Name: "shop"}}
			w.asked[place("blue/tls")] = []Request{request}
			w.asked[place("grey/tls")] = []Request{request}
			w.syncer.Look(place("blue/tls"), place("grey/tls"))
			w.wantCopies("blue/s blue/tls red/s")
			w.wantSaid("Delivered blue/shop")
			w.wantTook("create blue/tls")
			w.edit("home/s", key("a", "9"))
			w.wantData("blue/tls", "a=9 b=2")
			w.relabel("grey", "team=web")
			w.wantCopies("blue/s blue/tls grey/s grey/tls red/s")
			w.start()
			w.wantCopies("blue/s blue/tls grey/s grey/tls red/s")
			delete(w.asked, place("blue/tls"))
			w.syncer.Look(place("blue/tls"))
			w.wantCopies("blue/s grey/s grey/tls red/s")
		}},
		{"an Ingress hears when the name that it asks for is taken", func(w *world) {
			w.put("blue/tls")
			w.asked[place("blue/tls")] = []Request{{Source: place("home/s"), Asker: &corev1.ObjectReference{Kind: "Ingress", Namespace: "blue", Name: "shop"}}}
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s red/s")
			w.wantSaid("NotOurs blue/shop", "TargetNotOurs home/s")
			w.del("blue/tls")
			w.wantCopies("blue/s blue/tls red/s")
			w.wantSaid("Delivered blue/shop")
		}},
		{"a copy stays and follows its source where it is to be kept and its namespace is selected, until that has ended", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.put("home/t", syncTo("team=web"))
			for _, at := range []string{"blue/tls", "red/tls"} {
				w.asked[place(at)] = []Request{{Source: place("home/s")}}
			}
			w.asked[place("blue/other")] = []Request{{Source: place("home/t")}}
			w.start()
			w.wantCopies("blue/other blue/s blue/t blue/tls red/s red/t red/tls")
			w.stop()
			clear(w.asked)
			known := &atomic.Bool{}
			w.config.Requests = doubtful{w.asked, known}
			w.took()
			w.start()
			w.wantTook("delete blue/other")
			w.edit("home/s", key("a", "9"))
			w.wantData("blue/tls", "a=9 b=2")
			w.relabel("red", "team=ops")
			w.wantCopies("blue/s blue/t blue/tls")
			w.asked[place("blue/tls")] = []Request{{Source: place("home/s")}}
			known.Store(true)
			w.syncer.Look(place("blue/"))
			w.wantCopies("blue/s blue/t blue/tls")
			delete(w.asked, place("blue/tls"))
			w.syncer.Look(place("blue/"))
			w.wantCopies("blue/s blue/t")
		}},
	})
}
