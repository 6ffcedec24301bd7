package controllers

import (
	"testing"
)

func TestAStandingProblemIsToldOnceToEachIngress(t *testing.T) {
	r := &rig{t: t}
	told := newTold(r)
	v := &view{name: shared, want: &Want{Asks: []Ask{asked("a/a", home+"/le", "*.a.test", 2), asked("a/a", home+"/le", "*.b.test", 2)}}}
	problem := Problem{ReasonOrderFailed, "the CA is down"}
	again := asked("a/a", home+"/le", "*.a.test", 0)
	again.By.UID = "made again"
	for _, step := range []struct {
		name   string
		do     func()
		events int
	}{
		{"it is new", func() { told.certificate(v, problem) }, 1},
		{"it stands", func() { told.certificate(v, problem) }, 1},
		{"an Ingress joins", func() {
			v.want.Asks = append(v.want.Asks, asked("b/b", home+"/le", "*.a.test", 1))
			told.certificate(v, problem)
		}, 2},
		{"an Ingress is made again", func() { v.want.Asks[0], v.want.Asks[1] = again, again; told.certificate(v, problem) }, 3},
		{"it is solved", func() { told.certificate(v) }, 3},
		{"it is back", func() { told.certificate(v, problem) }, 5},
		{"an ask is refused", func() { told.refusals(shared, []Refusal{{again, problem}}) }, 6},
		{"it is still refused", func() { told.refusals(shared, []Refusal{{again, problem}}) }, 6},
		{"it is no longer refused", func() { told.refusals(shared, nil) }, 6},
		{"it is refused again", func() { told.refusals(shared, []Refusal{{again, problem}}) }, 7},
	} {
		if step.do(); len(r.events) != step.events {
			t.Errorf("%s: %d Events so far, want %d", step.name, len(r.events), step.events)
		}
	}
	if len(told.standing) != 2 {
		t.Errorf("it remembers %v", told.standing)
	}
}
