package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Request is one request that the API server has received, as its audit log tells
// (https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/).
type Request struct {
	Verb        string // get, list, watch, create, update, patch, delete, deletecollection
	Group       string // "" for the core group
	Resource    string // secrets, ...
	Subresource string // "" or status, token, ...
	Namespace   string
	Name        string
	URI         string // path and query, with selectors
	Code        int    // HTTP status; of a watch, the status with which it began
	Denied      bool   // the user had no right to it; what a quota or an admission plugin refuses has a 403 as well
	User        string
	UserAgent   string
	Received    time.Time
	Completed   time.Time // of a watch, when it began
}

// Write reports whether the request asked for a change.
func (r Request) Write() bool {
	switch r.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return true
	default:
		return false
	}
}

// Lists reports whether the request asked for all objects of a selection, at once or as a watch that begins with them. A
// watch that goes on where another has ended does not: each ends within ten minutes.
func (r Request) Lists() bool {
	return r.Verb == "list" || r.Verb == "watch" && strings.Contains(r.URI, "sendInitialEvents=true")
}

// String is short, for test output: "update secrets ns/name 200".
func (r Request) String() string {
	what := strings.TrimSuffix(r.Resource+"/"+r.Subresource, "/")
	return fmt.Sprintf("%s %s %s/%s %d", r.Verb, what, r.Namespace, r.Name, r.Code)
}

// Requests returns the counted requests that keep accepts, in the order in which they were answered; a
// nil keep accepts all. The API server writes each entry before it ends the answer, so a request whose
// answer a client has read is there. A watch is one request, there once it has begun.
func (c *Cluster) Requests(keep func(Request) bool) ([]Request, error) {
	if c.audit == nil {
		return nil, errors.New("read requests: the cluster was started without Audit")
	}
	all, err := c.audit.read()
	if err != nil {
		return nil, fmt.Errorf("read requests: %w", err)
	}
	var kept []Request
	for _, r := range all {
		if keep == nil || keep(r) {
			kept = append(kept, r)
		}
	}
	return kept, nil
}

// Since accepts requests received at or after a time, which is rounded down as the API server's clock
// in the log is, to microseconds.
func Since(t time.Time) func(Request) bool {
	t = t.Truncate(time.Microsecond)
	return func(r Request) bool { return !r.Received.Before(t) }
}

func (c *Cluster) prepareAudit() error {
	users := c.opts.audited()
	if len(users) == 0 {
		return nil
	}
	c.audit = &auditLog{policy: c.path("audit-policy.json"), path: c.path("audit.log"), seen: map[string]bool{}}
	return writePolicy(c.audit.policy, users)
}

// writePolicy logs who did what to which object, without contents, for these users and nobody else.
func writePolicy(path string, users []string) error {
	policy := map[string]any{
		"apiVersion": "audit.k8s.io/v1", "kind": "Policy",
		"omitStages":        []string{"RequestReceived"},
		"omitManagedFields": true,
		"rules": []map[string]any{
			{"level": "Metadata", "users": users},
			{"level": "None"},
		},
	}
	text, err := json.Marshal(policy)
	if err != nil {
		return fmt.Errorf("encode audit policy: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write audit policy: %w", err)
	}
	return nil
}

// auditLog reads what the API server appends to a file, once each.
type auditLog struct {
	policy, path string

	mu       sync.Mutex
	offset   int64 // of the first byte that was not understood yet
	requests []Request
	seen     map[string]bool // audit ids: a watch has an entry when it begins and one when it ends
}

// flags make the API server write an entry before it ends the answer, into one file for ever: its own
// rotation would move entries away from under the reader.
func (l *auditLog) flags() []string {
	return []string{
		"--audit-policy-file=" + l.policy,
		"--audit-log-path=" + l.path,
		"--audit-log-mode=blocking",
		"--audit-log-maxsize=1000000",
	}
}

// read returns everything up to now.
func (l *auditLog) read() ([]Request, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := os.Open(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // nothing was counted yet
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.NewSectionReader(f, l.offset, 1<<62))
	if err != nil {
		return nil, err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1] // the last line may be half written
	for line := range bytes.Lines(whole) {
		if err := l.add(line); err != nil {
			return nil, err
		}
	}
	l.offset += int64(len(whole))
	return l.requests[:len(l.requests):len(l.requests)], nil
}

func (l *auditLog) add(line []byte) error {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("decode audit entry: %w", err)
	}
	if l.seen[e.AuditID] {
		return nil
	}
	l.seen[e.AuditID] = true
	l.requests = append(l.requests, e.request())
	return nil
}

// entry is the part of audit.k8s.io/v1 Event that is used.
type entry struct {
	AuditID   string `json:"auditID"`
	Verb      string `json:"verb"`
	URI       string `json:"requestURI"`
	UserAgent string `json:"userAgent"`
	User      struct {
		Username string `json:"username"`
	} `json:"user"`
	Object struct {
		Group       string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	Status struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	Annotations struct {
		Decision string `json:"authorization.k8s.io/decision"` // allow or forbid
	} `json:"annotations"`
	Received time.Time `json:"requestReceivedTimestamp"`
	Staged   time.Time `json:"stageTimestamp"`
}

func (e entry) request() Request {
	return Request{
		Verb: e.Verb, URI: e.URI, UserAgent: e.UserAgent, User: e.User.Username,
		Group: e.Object.Group, Resource: e.Object.Resource, Subresource: e.Object.Subresource,
		Namespace: e.Object.Namespace, Name: e.Object.Name,
		Code: e.Status.Code, Denied: e.Annotations.Decision == "forbid",
		Received: e.Received, Completed: e.Staged,
	}
}
