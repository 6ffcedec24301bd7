package dns01

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"
)

const (
	// atLeast is how long a record may take to become visible when neither the configuration nor the provider says.
	atLeast   = 2 * time.Minute
	firstPoll = 5 * time.Millisecond
	lastPoll  = 2 * time.Second
)

// judge says whether a TXT record is the one that is looked for, and if not, what is wrong with it; nothing if it is
// somebody else's.
type judge func(txt string) (right bool, fault string)

// exactly looks for one text.
func exactly(value string) judge {
	return func(txt string) (bool, string) { return txt == value, "" }
}

// await returns when every server shows the record. The CA looks from several places, and any server may be asked.
func (r *record) await(ctx context.Context) error {
	limit, patience := r.limit()
	start := time.Now()
	deadline, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	w := &watch{record: r, lacking: r.where.servers}
	pause := firstPoll
	for {
		// A check that has begun is finished: its answer names the servers.
		if w.check(ctx); len(w.lacking) == 0 {
			return nil
		}
		if context.Cause(ctx) != nil {
			return context.Cause(ctx)
		}
		if time.Since(start) >= patience { // also where one check has taken all the time that there was
			w.report()
		}
		if deadline.Err() != nil {
			return r.overdue(&NotVisibleError{Missing: w.missing(), After: limit})
		}
		_ = sleep(deadline, pause)
		pause = min(pause*3/2, lastPoll)
	}
}

// overdue decides what becomes of a record that servers still lack: the user may know that the CA does not ask them.
func (r *record) overdue(e *NotVisibleError) error {
	if !r.s.Proceed {
		return e
	}
	r.pool.cfg.Log.Warn("Let the CA look for a TXT record that is not visible everywhere",
		zap.String("fqdn", e.FQDN), zap.String("solver", r.s.Name), zap.Strings("servers", e.Servers))
	return nil
}

// visible tells whether every server shows the record now.
func (r *record) visible(ctx context.Context) bool {
	w := &watch{record: r, lacking: r.where.servers}
	w.check(ctx)
	return len(w.lacking) == 0
}

// limit is how long the record may take to become visible, and patience after how much of that it is reported missing.
func (r *record) limit() (limit, patience time.Duration) {
	if r.create != "" { // nobody is making it: that is told at once, and waited for no longer than others may wait for this
		return r.pool.cfg.Waiting, 0
	}
	says := r.child.hello.Timeout
	switch {
	case says > 0 && r.s.sets("_PROPAGATION_TIMEOUT"):
		limit = says
	case r.pool.cfg.Timeout > 0:
		limit = r.pool.cfg.Timeout
	default:
		limit = max(atLeast, says)
	}
	return limit, min(r.pool.cfg.Waiting, limit/2)
}

// watch is what is known of one record's way to the servers.
type watch struct {
	*record
	lacking  []server
	reasons  []string // of the lacking, in their order
	reported []string
}

// check asks those servers that lacked the record, all at once.
func (w *watch) check(ctx context.Context) {
	seen := make([]sight, len(w.lacking))
	var asked sync.WaitGroup
	for i, s := range w.lacking {
		asked.Go(func() { seen[i] = s.look(ctx, w.where.fqdn, w.judge, recursion(w.s.RecursiveOnly)) })
	}
	asked.Wait()
	var still []server
	w.reasons = nil
	for i, s := range w.lacking {
		if seen[i].visible {
			w.ttl = max(w.ttl, seen[i].ttl)
			continue
		}
		still = append(still, s)
		w.reasons = append(w.reasons, s.name+" "+seen[i].reason)
	}
	w.lacking = still
}

// report tells of the lacking servers, if they are not those of the last report.
func (w *watch) report() {
	names := make([]string, 0, len(w.lacking))
	for _, s := range w.lacking {
		names = append(names, s.name)
	}
	if slices.Equal(names, w.reported) {
		return
	}
	w.reported = names
	w.waiting(w.missing())
}

func (w *watch) missing() Missing {
	return Missing{FQDN: w.where.fqdn, Servers: slices.Clone(w.reasons), Create: w.create}
}

// sight is what one server shows of a record.
type sight struct {
	visible bool
	ttl     time.Duration
	reason  string // when it is not visible
}

// look asks a server at all its addresses. Those that do not answer, as IPv6 in many clusters, do not count as long as
// another does.
func (s server) look(ctx context.Context, fqdn string, judge judge, desired recursion) sight {
	if len(s.addresses) == 0 {
		return sight{reason: "(has no address)"}
	}
	seen := make([]sight, len(s.addresses))
	answered := make([]bool, len(s.addresses))
	var asked sync.WaitGroup
	for i, address := range s.addresses {
		asked.Go(func() { seen[i], answered[i] = lookAt(ctx, address, fqdn, judge, desired) })
	}
	asked.Wait()
	result := sight{reason: seen[0].reason}
	for i := range seen {
		if !answered[i] {
			continue
		}
		if !seen[i].visible {
			return seen[i]
		}
		result = seen[i]
	}
	return result
}

// absent is what a server shows that has no TXT record of the name at all.
const absent = "has no such record"

func lookAt(ctx context.Context, address, fqdn string, judge judge, desired recursion) (s sight, answered bool) {
	shown := textsAt(ctx, address, fqdn, desired)
	if shown.fault != "" {
		return sight{reason: fmt.Sprintf("(%s: %s)", address, shown.fault)}, shown.answered
	}
	right, wrong := judge.of(shown.values)
	if right {
		return sight{visible: true, ttl: shown.ttl}, true
	}
	return sight{reason: fmt.Sprintf("(%s: %s)", address, wrong)}, true
}

// of looks for the record among those that a server shows, or says what it shows instead.
func (j judge) of(values []string) (right bool, wrong string) {
	wrong = absent
	for _, value := range values {
		right, fault := j(value)
		switch {
		case right:
			return true, ""
		case fault != "":
			wrong = fault
		case wrong == absent:
			wrong = "has other values"
		}
	}
	return false, wrong
}

// texts are the TXT records that a server shows of a name, or why it shows none.
type texts struct {
	values   []string
	ttl      time.Duration // of them all (RFC 2181 §5.2)
	fault    string
	answered bool
}

func textsAt(ctx context.Context, address, fqdn string, desired recursion) (t texts) {
	answer, err := query(ctx, address, fqdn, dns.TypeTXT, desired)
	if err != nil {
		return texts{fault: fmt.Sprintf("no answer: %v", err)}
	}
	t.answered = true
	if answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError {
		t.fault = "answers " + dns.RcodeToString[answer.Rcode]
	}
	for _, rr := range answer.Answer {
		if txt, ok := rr.(*dns.TXT); ok {
			t.values, t.ttl = append(t.values, strings.Join(txt.Txt, "")), time.Duration(txt.Hdr.Ttl)*time.Second
		}
	}
	return t
}
