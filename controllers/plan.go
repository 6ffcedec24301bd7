package controllers

import "time"

// Action is what to do about a certificate.
type Action string

// The actions of a [Plan].
const (
	Keep    Action = "keep"    // the Secret is right
	Hold    Action = "hold"    // the Secret serves on while its issuer is repaired
	Install Action = "install" // the record holds what the Secret should
	Issue   Action = "issue"   // order a certificate, or carry on with the order in flight
	Wait    Action = "wait"    // an order is due, and its time has not come
	Release Action = "release" // nobody asks for it: keep it while it lasts, do not renew it
	Remove  Action = "remove"  // nobody asks for it, and it has expired
	Forget  Action = "forget"  // nobody asks for it, there is none of ours, and its record is of no more use
	Refuse  Action = "refuse"  // the Secret of that name is somebody else's
	Lack    Action = "lack"    // an order is due, and no solver answers for one of its names
)

// Plan is a decision about one certificate.
type Plan struct {
	Do  Action
	Why string    // for the log
	At  time.Time // when to look again; zero for not until something changes
}

// planFor decides. It is the first row that applies:
//
//	want   Secret                        record                      → do       look again
//	none   none or not ours              none                        → Keep
//	none   none or not ours              is of use                   → Keep     when it is not
//	none   none or not ours              is of no more use           → Forget
//	none   ours, without a readable certificate                      → Keep
//	none   ours, valid                                               → Release  when it expires
//	none   ours, expired                 is not of this certificate  → Keep
//	none   ours, expired                                             → Remove
//	held                                                             → Keep
//	partly held    serves what is held                               → Hold     when it is due
//	yes    not ours, not handed over                                 → Refuse
//	yes    right, not due                                            → Keep     when it is due
//	yes    any                           holds what is right         → Install
//	yes    does not serve                holds what serves           → Install
//	yes    any                           next attempt is later       → Wait     then
//	yes    any                                                       → Issue
//
// What a record holds is the certificate that its order has brought, or as long as that is not done, what those before it
// have: nothing that fails takes it away. A certificate serves as long as it covers the names and has not expired; so what
// somebody deletes is there again, also when it is due and its renewal has to wait.
//
// Right means: it covers the names, with a key of the type, is valid and comes from the issuer or its fallback, and is in
// all else as an issuer that signs by itself would sign it now. A Secret that its owner handed over is right whatever its issuer, until a
// new text of AnnotationRenew asks for another. The next attempt counts when it was put off for this same order, or when
// the CA itself named the time, which no change of ours moves but another issuer: the record knows the time of one other
// issuer as well. One that is more than longestWait away
// was written by a clock that was wrong.
func planFor(want *Want, have *Have, record *Record, inputs string, now time.Time) Plan {
	switch {
	case want == nil:
		return planUnwanted(have, record, now)
	case want.Issuer == nil:
		return Plan{Do: Keep, Why: "its issuer is missing or not valid"}
	case want.serves(have, now):
		return Plan{Do: Hold, Why: "its issuer is missing or not valid", At: have.renewAt(0)}
	case have != nil && !have.Managed && !have.Adopted:
		return Plan{Do: Refuse, Why: "a Secret of that name is not ours"}
	}
	fault, due := want.judge(have, now)
	if fault == "" {
		return Plan{Do: Keep, Why: "it is right", At: due}
	}
	made := record.have().asked(have)
	if f, _ := want.judge(made, now); f == "" || made.serves(want.Names, now) && !have.serves(want.Names, now) {
		return Plan{Do: Install, Why: fault}
	}
	for _, b := range []backoff{record.backoff(), record.Other} {
		next, counts := b.attempt(have), b.Inputs == inputs || b.Limited && b.Issuer == want.Issuer.Name.String()
		if counts && now.Before(next) && next.Sub(now) <= longestWait {
			return Plan{Do: Wait, Why: fault, At: next}
		}
	}
	return Plan{Do: Issue, Why: fault}
}

// longestWait is the longest that a CA limits us for, and a day more: Let's Encrypt's longest window is a week.
const longestWait = 8 * 24 * time.Hour

// planUnwanted removes only what the record knows: a clone that somebody made of our Secret carries our label too.
func planUnwanted(have *Have, record *Record, now time.Time) Plan {
	switch {
	case have == nil || !have.Managed:
		return planOrphan(record, now)
	case !have.isCertificate():
		return Plan{Do: Keep, Why: "nobody asks for it"}
	case now.Before(have.NotAfter):
		return Plan{Do: Release, Why: "nobody asks for it", At: have.NotAfter}
	}
	if made := record.have(); made == nil || made.Serial != have.Serial {
		return Plan{Do: Keep, Why: "nobody asks for it, and it is not from its record"}
	}
	return Plan{Do: Remove, Why: "nobody asks for it, and it has expired"}
}

// planOrphan is about a record without its certificate: the order never came to one, or somebody deleted it.
func planOrphan(record *Record, now time.Time) Plan {
	if record.secret == nil {
		return Plan{Do: Keep, Why: "nobody asks for it"}
	}
	if until := record.usefulUntil(); now.Before(until) {
		return Plan{Do: Keep, Why: "nobody asks for it, and its record may be needed", At: until}
	}
	return Plan{Do: Forget, Why: "nobody asks for it, and its record is of no more use"}
}

// judge says what is wrong with a certificate, empty for nothing, and when it is due for renewal.
func (w *Want) judge(have *Have, now time.Time) (fault string, due time.Time) {
	switch {
	case have == nil:
		return "there is none", due
	case !have.isCertificate():
		return "the Secret holds no certificate with its key", due
	case !covers(have.Names, w.Names):
		return "it does not cover all names", due
	case have.KeyType != w.KeyType:
		return "its key is of another type", due
	case have.Managed && !have.isFrom(w.Issuer.Name):
		return "it comes from another issuer", due
	case have.Asked != "" && have.Asked != have.Renewed:
		return "its renewal is asked for", due
	}
	if fault := w.unlike(have); fault != "" {
		return fault, due
	}
	due = have.renewAt(w.RenewBefore)
	if !now.Before(due) {
		return "it is due for renewal", due
	}
	return "", due
}
