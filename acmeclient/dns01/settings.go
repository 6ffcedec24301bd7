package dns01

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wildcast/wildcast/acmeclient/dns01/wire"
)

// Settings are one solver: a DNS provider, its credentials, and the names it answers for.
type Settings struct {
	// Name is the solver's own, for messages.
	Name string
	// Provider is lego's code of the provider, such as "cloudflare", or [Persist]: the records are an administrator's, are
	// there before they are needed, and stay.
	Provider string
	// Zones are the domains that it answers for, canonical; none: all that no other solver names.
	Zones []string
	// Nameservers are resolvers, host:port, that find zones and CNAMEs; none: the pool's. A server here whose address
	// is also that of an authoritative server gives the port to ask it at.
	Nameservers []string
	// RecursiveOnly checks for the record at Nameservers alone, where the authoritative servers cannot be reached.
	RecursiveOnly bool
	// Proceed lets the CA look all the same when servers still lack the record after the time that it may take.
	Proceed bool
	// FollowCNAME writes the record where a CNAME at _acme-challenge.<name> points.
	FollowCNAME bool
	// Ambient lets the provider use the pod's own cloud credentials and files.
	Ambient bool
	// Programs is the folder whose programs the provider exec may run; empty: exec is not offered.
	Programs string
	// Env are the provider's settings under the names of lego's documentation.
	Env map[string]string
}

// Validate checks what can be known without the provider itself; its message says the remedy.
func (s Settings) Validate() error {
	if err := s.checkProvider(); err != nil {
		return err
	}
	for _, zone := range s.Zones {
		if !canonical(zone) {
			return fmt.Errorf("zone %q is not canonical: write it in lower case and punycode, without a dot at the end or a wildcard", zone)
		}
	}
	for _, server := range s.Nameservers {
		if !hostPort(server) {
			return fmt.Errorf("nameserver %q is not host:port: write it as in 8.8.8.8:53", server)
		}
	}
	if s.RecursiveOnly && len(s.Nameservers) == 0 {
		return errors.New("recursiveOnly needs nameservers: name the resolvers that are to be asked")
	}
	for name, value := range s.Env {
		if err := s.checkVariable(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (s Settings) checkProvider() error {
	switch s.Provider {
	case "":
		return errors.New("provider is missing: give lego's code of your DNS provider, such as cloudflare or route53")
	case "manual":
		return errors.New("provider manual is not offered, since a solver must not wait for a person: use the code of your DNS provider")
	case "exec":
		return s.checkExec()
	case Persist:
		return s.checkPersist()
	}
	if !wire.Offered(s.Provider) {
		return unknown(s.Provider)
	}
	return nil
}

func unknown(provider string) error {
	remedy := "wildcast-dns01 -list prints the codes, such as cloudflare or route53"
	if alike := wire.Alike(strings.ToLower(provider)); len(alike) > 0 {
		remedy = "did you mean " + strings.Join(alike, " or ") + "? wildcast-dns01 -list prints all codes"
	}
	return fmt.Errorf("provider %q is no code of lego's: %s", provider, remedy)
}

// checkExec lets a solver's author choose among the operator's programs, and no more.
func (s Settings) checkExec() error {
	program := s.Env[execPath]
	switch {
	case s.Programs == "":
		return errors.New("provider exec is not offered, since a solver must not run programs of its own: " +
			"have the operator put the program into a folder and start wildcast with --dns01-exec-dir, or use the code of your DNS provider")
	case !s.Ambient:
		return errors.New("provider exec needs ambient: the program sees the pod's files")
	case !programName.MatchString(program):
		return fmt.Errorf("%s %q is no program of --dns01-exec-dir: give the name of a file there, without a folder", execPath, program)
	}
	for name := range s.Env {
		if !strings.HasPrefix(name, "EXEC_") {
			return fmt.Errorf("setting %q is not exec's: it would change how the program runs; names of a program's own settings begin with EXEC_", name)
		}
	}
	return nil
}

// execPath is the setting that names exec's program.
const execPath = "EXEC_PATH"

var (
	programName  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	fileVariable = regexp.MustCompile(`(?i)_(FILE|PATH)$`)
	ownVariable  = regexp.MustCompile(`^(PATH|HOME|LD_.*|GODEBUG|WILDCAST_.*|LEGO_DISABLE_CNAME_SUPPORT)$`)
)

// checkVariable refuses what would give a solver's author more than a DNS provider: another program environment, or the
// contents of the pod's files, its ServiceAccount's token first of all (lego reads NAME from the file in NAME_FILE).
func (s Settings) checkVariable(name, value string) error {
	if !variableName.MatchString(name) || strings.ContainsRune(value, 0) {
		return fmt.Errorf("setting %q is no environment variable: use the names of lego's documentation for %s", name, s.Provider)
	}
	if ownVariable.MatchString(name) {
		return fmt.Errorf("setting %q is not the provider's: remove it", name)
	}
	if fileVariable.MatchString(name) && !s.Ambient {
		return fmt.Errorf("setting %q names a file: give the value itself instead, or set ambient to use the pod's files", name)
	}
	return nil
}

func canonical(zone string) bool {
	if zone == "" || len(zone) > 253 || zone != strings.ToLower(zone) {
		return false
	}
	for label := range strings.SplitSeq(zone, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return false
		}
	}
	return true
}

func hostPort(server string) bool {
	host, port, err := net.SplitHostPort(server)
	if err != nil || host == "" {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// identity is the same for settings that one child can serve: zones and the way of checking are the parent's business.
func (s Settings) identity() [sha256.Size]byte {
	s.Name, s.Zones, s.RecursiveOnly, s.Proceed = "", nil, false, false
	text, err := json.Marshal(s)
	if err != nil {
		panic("dns01: settings are plain values: " + err.Error())
	}
	return sha256.Sum256(text)
}

// choose returns the settings with the longest zone that holds the name, or those without zones, or nil.
func choose(all []Settings, name string) *Settings {
	var best *Settings
	longest := -1
	for i := range all {
		if n := all[i].holds(name); n > longest {
			best, longest = &all[i], n
		}
	}
	return best
}

// Serving returns the names of the settings that answer for some of the names, sorted.
func Serving(all []Settings, names []string) (serving []string) {
	for _, name := range names {
		if s := choose(all, strings.TrimPrefix(name, "*.")); s != nil {
			serving = append(serving, s.Name)
		}
	}
	slices.Sort(serving)
	return slices.Compact(serving)
}

// Unserved are the names that no settings answer for.
func Unserved(all []Settings, names []string) (lacking []string) {
	for _, name := range names {
		if choose(all, strings.TrimPrefix(name, "*.")) == nil {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

// delegate returns the settings that name the zone to which a CNAME leads the record, or the domain's own if none do.
func delegate(all []Settings, own *Settings, fqdn string) *Settings {
	heir := choose(all, strings.TrimSuffix(fqdn, "."))
	if heir == nil || len(heir.Zones) == 0 || !heir.FollowCNAME {
		return own
	}
	return heir
}

// holds returns the length of the longest of the zones that holds the name, 0 for no zones, -1 for none that holds it.
func (s *Settings) holds(name string) int {
	if len(s.Zones) == 0 {
		return 0
	}
	n := -1
	for _, zone := range s.Zones {
		if name == zone || strings.HasSuffix(name, "."+zone) {
			n = max(n, len(zone))
		}
	}
	return n
}

func zonesOf(all []Settings) []string {
	var zones []string
	for _, s := range all {
		zones = append(zones, s.Zones...)
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}
