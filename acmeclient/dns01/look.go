package dns01

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
)

// Sighting is what can be seen of a domain's challenge record now.
type Sighting struct {
	FQDN    string  `json:"fqdn"`              // of the record, after CNAMEs, with a dot at the end
	Zone    string  `json:"zone"`              // that holds it
	Solver  string  `json:"solver"`            // that answers for the domain
	Persist bool    `json:"persist,omitempty"` // somebody creates it once, and the solver writes nothing
	Create  string  `json:"create,omitempty"`  // the text to create it with; empty when that is not known
	Sought  int     `json:"sought,omitempty"`  // how many such records there should be; 0 when that is not known
	Servers []*Seen `json:"servers"`
}

// Seen is what one DNS server shows of it.
type Seen struct {
	Server string   `json:"server"`          // name and address
	Values []string `json:"values"`          // of its TXT records
	Found  int      `json:"found"`           // how many of those that are sought are among them
	Wrong  string   `json:"wrong,omitempty"` // what it shows instead of one
	Fault  string   `json:"fault,omitempty"` // why nothing can be seen of it
}

// Lacking are the servers that do not show all that is sought, as a [Pool] would tell of them.
func (s Sighting) Lacking() (lacking []string) {
	for _, seen := range s.Servers {
		switch {
		case seen.Fault != "":
			lacking = append(lacking, seen.Server+" "+seen.Fault)
		case seen.Found < s.Sought:
			lacking = append(lacking, seen.Server+" "+seen.Wrong)
		}
	}
	return lacking
}

// Look finds the record that answers a challenge and asks the servers that a [Pool] would wait for, with the same judgment.
// Of the challenge its Domain counts and, for a record that an administrator creates, Wildcard, Account and Issuers; texts
// are those of the other records, as [acmeclient.Challenge.TXT] gives them. Without them nothing is judged. It writes
// nothing and starts no program. What is known when an error ends it is returned with the error.
func Look(ctx context.Context, settings []Settings, ch acmeclient.Challenge, texts []string) (Sighting, error) {
	s := choose(settings, ch.Domain)
	if s == nil {
		return Sighting{FQDN: fqdnOf(ch.Domain)}, &NoSolverError{Domain: ch.Domain, Zones: zonesOf(settings)}
	}
	l := &looking{Sighting: Sighting{FQDN: fqdnOf(ch.Domain), Solver: s.Name}}
	l.seek(s, ch, texts)
	where, err := locate(ctx, s, l.FQDN)
	if err != nil {
		return l.Sighting, err
	}
	if where.fqdn != l.FQDN && !s.persists() {
		s = delegate(settings, s, where.fqdn)
	}
	l.FQDN, l.Zone, l.Solver = where.fqdn, where.zone, s.Name
	l.ask(ctx, where.servers, recursion(s.RecursiveOnly))
	return l.Sighting, context.Cause(ctx)
}

// looking is a sighting that is being made.
type looking struct {
	Sighting
	judges []judge // of the records that are sought
}

// seek finds out what is sought.
func (l *looking) seek(s *Settings, ch acmeclient.Challenge, texts []string) {
	if !s.persists() {
		for _, text := range texts {
			l.judges = append(l.judges, exactly(text))
		}
	} else if l.FQDN, l.Persist = PersistentFQDN(ch.Domain), true; len(ch.Issuers) > 0 {
		l.Create = PersistentValue(ch.Issuers[0], ch.Account, ch.Wildcard)
		l.judges = []judge{persistent(ch, time.Now)}
	}
	l.Sought = len(l.judges)
}

// ask asks all servers at once.
func (l *looking) ask(ctx context.Context, servers []server, desired recursion) {
	var asked sync.WaitGroup
	for _, at := range servers {
		if len(at.addresses) == 0 {
			l.Servers = append(l.Servers, &Seen{Server: at.name, Fault: "has no address"})
		}
		for _, address := range at.addresses {
			seen := &Seen{Server: fmt.Sprintf("%s (%s)", at.name, address)}
			l.Servers = append(l.Servers, seen)
			asked.Go(func() {
				shown := textsAt(ctx, address, l.FQDN, desired)
				seen.Values, seen.Fault = shown.values, shown.fault
				seen.judge(l.judges)
			})
		}
	}
	asked.Wait()
}

// judge enters which records are among the values, and what is wrong if one is not.
func (s *Seen) judge(sought []judge) {
	if s.Fault != "" {
		return
	}
	for _, judge := range sought {
		right, wrong := judge.of(s.Values)
		if right {
			s.Found++
		} else {
			s.Wrong = wrong
		}
	}
}
