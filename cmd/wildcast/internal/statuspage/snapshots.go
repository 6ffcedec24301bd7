package statuspage

import (
	"context"
	"time"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
)

// Snapshot is what there is to show at a time.
type Snapshot struct {
	Report     report.Report
	Replica    string   // who made it
	Leads      bool     // whether that is the leader
	Namespaces []string // all that are known
}

// Snapshots gives everybody the same snapshot for a while, however many ask and however often.
type Snapshots struct {
	look  func(context.Context) (Snapshot, error)
	every time.Duration
	turn  chan struct{} // held by who looks
	last  Snapshot
	err   error
	until time.Time
}

// NewSnapshots makes snapshots with look, one at a time, each of which counts for that long.
func NewSnapshots(look func(context.Context) (Snapshot, error), every time.Duration) *Snapshots {
	return &Snapshots{look: look, every: every, turn: make(chan struct{}, 1)}
}

// patience is how long a look may take. It goes on when who has asked for it goes away. A server's WriteTimeout must be longer.
const patience = 20 * time.Second

// Get is a snapshot that is no older than it may be. A failure counts as long: the error is that of the look, or of ctx.
func (s *Snapshots) Get(ctx context.Context) (Snapshot, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return Snapshot{}, context.Cause(ctx)
	}
	defer func() { <-s.turn }()
	if time.Now().Before(s.until) {
		return s.last, s.err
	}
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	s.last, s.err = s.look(looking)
	s.until = time.Now().Add(s.every)
	return s.last, s.err
}
