// Package dns01 answers DNS-01 challenges (RFC 8555 §8.4) with any of lego's DNS providers, in child processes, and
// DNS-PERSIST-01 challenges (draft-ietf-acme-dns-persist) with records that an administrator has made.
//
//	pool := dns01.NewPool(dns01.Config{Command: "wildcast-dns01", Log: log})
//	defer pool.Close()
//	solver := pool.Solver([]dns01.Settings{{
//		Name: "cloudflare", Provider: "cloudflare", Zones: []string{"example.com"}, FollowCNAME: true,
//		Env: map[string]string{"CF_DNS_API_TOKEN": token},
//	}}, nil)
//
// # Children
//
// lego's providers read their settings from the process's environment, know no context, and link 195 vendors' code. A
// [Pool] therefore runs them in children, the program wildcast-dns01: one for each distinct solver, with that solver's
// settings and a few variables such as PATH as its whole environment, started when it is first needed, shared by all
// orders that use the solver, and ended after 10 s without work. It is shared and not one per order because of what it
// costs: with all providers linked (62 MB stripped) it says hello 13 ms after its start and holds 42 MiB resident, of
// which 4.4 MiB are its own and the rest pages of the program that all children share (2 cores, both busy).
//
// A record is taken away by the child that made it; by its successor, if that one was killed; and by the child itself,
// when the pool is closed or the parent dies, which it knows by its standard input. In the latter case it waits 3 s,
// since a CA may be looking at the record. A container that ends takes its processes with it: what it leaves then is
// taken away when the order is resumed, with the same record. A vendor that refuses to make a record which is there, and
// whose code in lego cannot find it, as Cloudflare's, still serves: the record is used as it is, and reported as left behind.
//
// # Records that share a name
//
// The challenges for example.com and *.example.com, or those of two issuers, go to one TXT name. Most providers keep
// such records beside each other. Those that lego calls sequential, RFC 2136 among them, replace what is there: with
// these, challenges for one name take turns, also those of different orders, and also where CNAMEs lead several names to
// one. A resolver of the CA may remember the last record for its TTL, so the next one waits that long, a minute at most;
// rfc2136 therefore gets a TTL of 1 s unless its settings say otherwise. Changes to one zone are made one after another,
// as lego itself does: several providers read a whole zone and write it back (RFC 2136 does not, and need not wait).
//
// # Delegation
//
// A CNAME at _acme-challenge.<name> is followed, by the child too. The record is then made by the solver whose zones hold
// the CNAME's target, or else by the one that the name itself would have.
//
// # Visibility
//
// A record counts as visible when every authoritative server of its zone shows it, as CAs look from several places and
// ask any of them. The servers are found with the solver's nameservers, or the system's, and asked at port 53, or at the
// port that the nameservers give for the same address. An address that does not answer does not count while another of
// the same server does. The questions begin 5 ms after the provider is done and slow down to one in 2 s.
// When servers still lack the record after the time that it may take, it is taken away and the order fails, or, with
// Settings.Proceed, the CA looks all the same.
//
// # Records that stay
//
// With the provider [Persist] there is neither child nor vendor: the record at _validation-persist.<name> names the CA and
// the account, was made once, and proves the name and its wildcard at each order. It is looked for at the same servers as
// other records, and judged as the CA will judge it, before the CA is told to look. One that is missing is told at once
// with the value to create; the order fails without cost and goes on when it is tried again.
//
// # What a solver may not do
//
// Whoever may write a solver's Secret decides about the child's environment. [Settings.Validate] refuses settings that
// name files (lego reads X from the file in X_FILE, which could be the pod's own token) unless Ambient is set, and
// variables that change the child itself. Ambient must be left to those who may read the pod's credentials.
//
// The provider exec runs a program in the pod, which could do all that wildcast may. It is refused unless the operator
// has named a folder of programs (Settings.Programs), and the solver is Ambient. Its author then chooses one of these
// files by its name, without a path, and passes it variables that begin with EXEC_ and no others: BASH_ENV, PYTHONPATH or
// PERL5OPT would make any script run what they say. The program gets its arguments as lego documents them, runs with the
// child's rights, and nothing that it prints is shown.
//
// # Secrecy
//
// Settings, tokens and key authorizations travel in the child's environment and over pipes only. What a provider says
// is shown without them, in [*ProviderError]; names such as *_TTL and *_NAMESERVER mark what is no secret.
package dns01
