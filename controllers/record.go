package controllers

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient"
)

// Record is the order in flight for a certificate, or the last one: what the next process needs to carry on. It is kept
// as a Secret beside the certificate's and written before the step that it records.
//
//	begun       Key and Inputs are there, URL is not: the CA may or may not have heard of the order
//	ordered     URL is there: the order is at the CA
//	issued      Chain is there: the order is done; URL and Last are gone
//	failed      Failures, Next and LastError tell; URL is gone if that order is of no more use
//
// So what is there already is not at risk in any state: it is in Last until there is something newer.
type Record struct {
	Inputs    string // hash of what the order depends on
	Issuer    string // namespace/name
	InsteadOf string // namespace/name of the issuer for which that one stands in, empty if it does not
	Names     []string
	Key       crypto.Signer
	URL       string
	Chain     []byte // PEM
	CA        []byte // PEM of the root, from issuers that sign by themselves
	Failures  int    // that reached the CA, in a row
	Next      time.Time
	Limited   bool   // the CA named the time in Next
	Paused    bool   // the CA has paused a name
	Down      outage // of the issuer's CA
	LastError string

	Account    string     // URL of the account that orders, or has ordered
	Replaces   string     // identifies the certificate that the order replaces, for the CA
	Renew      string     // text of AnnotationRenew when the order began
	Suggestion Suggestion // when to renew the certificate that is there
	Attempts   []attempt  // of the last week that count against the CA's limits, if those are known
	Other      backoff    // of the issuer that was asked before this one: that for which it stands in, or its fallback

	Authorizations []acmeclient.Authorization // of the order, as the CA saw them when the record was written

	Last issuance // what the orders before this one have brought, until this one is done

	secret *corev1.Secret // as read or written last; nil before the first write
}

// Keys of an order's Secret.
const (
	orderInputs         = "inputs"
	orderIssuer         = "issuer"
	orderInsteadOf      = "insteadOf"
	orderNames          = "names"
	orderKey            = corev1.TLSPrivateKeyKey
	orderURL            = "url"
	orderChain          = corev1.TLSCertKey
	orderCA             = caKey
	orderFailures       = "failures"
	orderNext           = "nextAttempt"
	orderLimited        = "rateLimited"
	orderPaused         = "paused"
	orderDownFrom       = "downFrom"
	orderDownTo         = "downTo"
	orderOther          = "other"
	orderLastError      = "lastError"
	orderAccount        = "account"
	orderReplaces       = "replaces"
	orderRenew          = "renew"
	orderAttempts       = "attempts"
	orderAuthorizations = "authorizations"
	orderLast           = "last"
	// What the CA says about the certificate with that serial number.
	orderSerial      = "serial"
	orderRenewFrom   = "renewFrom"
	orderRenewUntil  = "renewUntil"
	orderAskInterval = "askInterval"
)

// caKey is the key of a TLS Secret under which the root is handed out.
const caKey = corev1.ServiceAccountRootCAKey

// recordSuffix is what a record's name has more than its certificate's.
const recordSuffix = ".order"

// recordName is the name of the record of a certificate's orders.
func recordName(certificate types.NamespacedName) types.NamespacedName {
	return types.NamespacedName{Namespace: certificate.Namespace, Name: certificate.Name + recordSuffix}
}

// certificateOf is the inverse of recordName.
func certificateOf(record types.NamespacedName) types.NamespacedName {
	return types.NamespacedName{Namespace: record.Namespace, Name: strings.TrimSuffix(record.Name, recordSuffix)}
}

// recordOf reads an order's Secret; an empty record for nil. A key that cannot be read is none.
func recordOf(s *corev1.Secret) *Record {
	if s == nil {
		return &Record{}
	}
	r := &Record{
		Inputs:    string(s.Data[orderInputs]),
		Issuer:    string(s.Data[orderIssuer]),
		Names:     splitList(string(s.Data[orderNames])),
		URL:       string(s.Data[orderURL]),
		Chain:     s.Data[orderChain],
		CA:        s.Data[orderCA],
		InsteadOf: string(s.Data[orderInsteadOf]),
		Limited:   string(s.Data[orderLimited]) == "true",
		Paused:    string(s.Data[orderPaused]) == "true",
		LastError: string(s.Data[orderLastError]),
		Account:   string(s.Data[orderAccount]),
		Replaces:  string(s.Data[orderReplaces]),
		Renew:     string(s.Data[orderRenew]),
		Attempts:  attemptsOf(s.Data),
		secret:    s,
	}
	r.Suggestion = suggestionOf(s.Data)
	r.Key, _ = parseKey(s.Data[orderKey])
	r.Failures, _ = strconv.Atoi(string(s.Data[orderFailures]))
	r.Next, _ = time.Parse(time.RFC3339, string(s.Data[orderNext]))
	r.Down.From, _ = time.Parse(time.RFC3339, string(s.Data[orderDownFrom]))
	r.Down.To, _ = time.Parse(time.RFC3339, string(s.Data[orderDownTo]))
	_ = json.Unmarshal(s.Data[orderOther], &r.Other) // what cannot be read is none
	_ = json.Unmarshal(s.Data[orderAuthorizations], &r.Authorizations)
	_ = json.Unmarshal(s.Data[orderLast], &r.Last)
	return r
}

// suggestionOf reads what a CA has said.
func suggestionOf(data map[string][]byte) Suggestion {
	s := Suggestion{Serial: string(data[orderSerial])}
	s.Start, _ = time.Parse(time.RFC3339, string(data[orderRenewFrom]))
	s.End, _ = time.Parse(time.RFC3339, string(data[orderRenewUntil]))
	s.Every, _ = time.ParseDuration(string(data[orderAskInterval]))
	if !s.Start.Before(s.End) {
		return Suggestion{}
	}
	return s
}

// object is the Secret that keeps the record.
func (r *Record) object(certificate types.NamespacedName) (*corev1.Secret, error) {
	name := recordName(certificate)
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name},
		Type:       TypeOrder,
		Data:       map[string][]byte{},
	}
	if r.secret != nil {
		s.ObjectMeta = *r.secret.ObjectMeta.DeepCopy()
	}
	if r.Key != nil {
		key, err := marshalKey(r.Key)
		if err != nil {
			return nil, fmt.Errorf("record order %s: %w", certificate, err)
		}
		s.Data[orderKey] = key
	}
	put := func(key, value string, when bool) {
		if when {
			s.Data[key] = []byte(value)
		}
	}
	put(orderInputs, r.Inputs, true)
	put(orderIssuer, r.Issuer, true)
	put(orderNames, strings.Join(r.Names, ","), true)
	put(orderURL, r.URL, r.URL != "")
	put(orderChain, string(r.Chain), len(r.Chain) > 0)
	put(orderCA, string(r.CA), len(r.CA) > 0)
	put(orderFailures, strconv.Itoa(r.Failures), r.Failures > 0)
	put(orderNext, r.Next.UTC().Format(time.RFC3339), !r.Next.IsZero())
	put(orderInsteadOf, r.InsteadOf, r.InsteadOf != "")
	put(orderLimited, "true", r.Limited)
	put(orderPaused, "true", r.Paused)
	put(orderDownFrom, r.Down.From.UTC().Format(time.RFC3339), !r.Down.From.IsZero())
	put(orderDownTo, r.Down.To.UTC().Format(time.RFC3339), !r.Down.From.IsZero())
	put(orderLastError, r.LastError, r.LastError != "")
	put(orderAccount, r.Account, r.Account != "")
	put(orderReplaces, r.Replaces, r.Replaces != "")
	put(orderRenew, r.Renew, r.Renew != "")
	said := r.Suggestion
	put(orderSerial, said.Serial, !said.Start.IsZero())
	put(orderRenewFrom, said.Start.UTC().Format(time.RFC3339), !said.Start.IsZero())
	put(orderRenewUntil, said.End.UTC().Format(time.RFC3339), !said.Start.IsZero())
	put(orderAskInterval, said.Every.String(), !said.Start.IsZero())
	attempts, err := json.Marshal(r.Attempts)
	put(orderAttempts, string(attempts), len(r.Attempts) > 0)
	other, wrong := json.Marshal(r.Other)
	put(orderOther, string(other), r.Other.Issuer != "")
	authorizations, unsaid := json.Marshal(r.Authorizations)
	put(orderAuthorizations, string(authorizations), len(r.Authorizations) > 0)
	last, lost := json.Marshal(r.Last)
	put(orderLast, string(last), len(r.Last.Chain) > 0)
	if err := errors.Join(err, wrong, unsaid, lost); err != nil {
		return nil, fmt.Errorf("record order %s: %w", certificate, err)
	}
	return s, nil
}

// issuance is what an order has brought: a certificate with its key, and how it was ordered. The fields are as the record's.
type issuance struct {
	Key       []byte `json:"key,omitempty"` // PEM
	Chain     []byte `json:"chain,omitempty"`
	CA        []byte `json:"ca,omitempty"`
	Issuer    string `json:"issuer,omitempty"`
	InsteadOf string `json:"insteadOf,omitempty"`
	Account   string `json:"account,omitempty"`
	Renew     string `json:"renew,omitempty"`
}

// brought is what the order has brought, or as long as it is not done, what those before it have; the zero value if none.
func (r *Record) brought() issuance {
	key, err := marshalKey(r.Key)
	if len(r.Chain) == 0 || err != nil {
		return r.Last
	}
	return issuance{Key: key, Chain: r.Chain, CA: r.CA, Issuer: r.Issuer, InsteadOf: r.InsteadOf, Account: r.Account, Renew: r.Renew}
}

// have is the certificate that the record holds, nil if none.
func (r *Record) have() *Have {
	made := r.brought()
	if len(made.Chain) == 0 {
		return nil
	}
	h := &Have{Issuer: made.Issuer, InsteadOf: made.InsteadOf, Managed: true, Renewed: made.Renew}
	h.read(made.Chain, made.Key)
	return r.inform(h)
}

// usefulUntil is when a record serves nobody any more who asks for the certificate again: what it holds has expired, no CA
// waits for the order, and no limit counts its attempts.
func (r *Record) usefulUntil() time.Time {
	until := r.secret.CreationTimestamp.Time
	for _, a := range r.Attempts {
		until = later(until, a.At)
	}
	until = later(until, later(r.Next, r.Other.Next)).Add(longestWait)
	if made := r.have(); made.isCertificate() {
		until = later(until, made.NotAfter)
	}
	return until
}

// inform enters into h what its CA has said about it, and returns it.
func (r *Record) inform(h *Have) *Have {
	if h == nil {
		return nil
	}
	h.Window = Window{}
	if h.Serial == r.Suggestion.Serial {
		h.Window = r.Suggestion.Window
	}
	return h
}
