package controllers

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// contests remember how often certificates that somebody else had written over were put back. Another controller that keeps
// the same Secret, such as a cert-manager that was not stopped, would answer each time, and order one at its CA. So it is
// not put back again until after a pause, as between orders that fail:
//
//	1st at once; 2nd 10 min after that; 3rd 100 min; 4th and later 24 h
//
// After twice the pause without another one all is forgotten.
type contests struct {
	mu  sync.Mutex
	all map[types.NamespacedName]contest
}

type contest struct {
	repairs int
	last    time.Time
}

func (c contest) pause() time.Duration {
	if c.repairs == 0 {
		return 0
	}
	return pause(c.repairs + 1)
}

func newContests() *contests { return &contests{all: map[types.NamespacedName]contest{}} }

// at is the contest about a certificate; the zero contest if there is none.
func (c *contests) at(name types.NamespacedName, now time.Time) contest {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.all[name]
	if now.Sub(found.last) >= 2*found.pause() {
		delete(c.all, name)
		return contest{}
	}
	return found
}

// wait is how long it is until the certificate may be put back.
func (c *contests) wait(name types.NamespacedName, now time.Time) time.Duration {
	found := c.at(name, now)
	return max(found.pause()-now.Sub(found.last), 0)
}

// repaired notes that the certificate was put back.
func (c *contests) repaired(name types.NamespacedName, now time.Time) {
	repairs := c.at(name, now).repairs + 1
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[name] = contest{repairs, now}
}

// overwritten reports whether the Secret held what the record does until somebody put another certificate there, and left
// our annotations as they were.
func (v *view) overwritten() bool {
	made := v.record.have()
	return made.isCertificate() && v.secret != nil && v.have().Serial != made.Serial && v.secret.Annotations[AnnotationSerial] == made.Serial
}

// contested is that somebody goes on writing over a certificate.
func contested(v *view) Problem {
	who, name := writerOf(v.secret), v.secret.Annotations[certManagerPrefix+"certificate-name"]
	switch {
	case strings.HasPrefix(who, "cert-manager") && name != "":
		return Problem{ReasonContested, fmt.Sprintf("cert-manager still runs and keeps Secret %s too, as Certificate %s: it orders another certificate for each that "+
			"wildcast puts there. Stop cert-manager; until then the certificate is put back less and less often.", v.name, name)}
	case who == "":
		who = "another controller"
	}
	return Problem{ReasonContested, fmt.Sprintf("Secret %s is kept by %s too, which replaces each certificate that wildcast puts there. Stop that; "+
		"until then the certificate is put back less and less often.", v.name, who)}
}

// writerOf is the field manager, other than us, that has written the certificate. Empty if that is not known.
func writerOf(s *corev1.Secret) string {
	for _, by := range s.ManagedFields {
		if by.FieldsV1 != nil && by.Manager != fieldManager && bytes.Contains(by.FieldsV1.GetRawBytes(), []byte(`"f:`+corev1.TLSCertKey+`"`)) {
			return by.Manager
		}
	}
	return ""
}
