package dns01

import (
	"crypto/sha256"
	"time"

	"go.uber.org/zap"
)

// acquire returns the child of the settings, started if need be. It stays until release.
func (p *Pool) acquire(s *Settings) (*child, error) {
	id := s.identity()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	c := p.children[id]
	if c == nil {
		started, stdout, err := startChild(p.cfg.Command, s)
		if err != nil {
			return nil, err
		}
		c = started
		p.children[id], p.alive[c] = c, struct{}{}
		p.cfg.Log.Debug("Started DNS child", zap.String("solver", s.Name), zap.String("provider", s.Provider), zap.Int("pid", c.cmd.Process.Pid))
		p.running.Go(func() {
			c.listen(stdout)
			p.bury(id, c)
		})
	}
	c.users++
	if c.idle != nil {
		c.idle.Stop()
	}
	return c, nil
}

// release gives a child back. One that nobody uses for a while is ended.
func (p *Pool) release(s *Settings, c *child) {
	id := s.identity()
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.users--; c.users > 0 || p.children[id] != c {
		return
	}
	c.idle = time.AfterFunc(p.cfg.Idle, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if c.users == 0 && p.children[id] == c {
			delete(p.children, id)
			c.retire()
		}
	})
}

// bury forgets a child that has ended, so that the next order starts another.
func (p *Pool) bury(id [sha256.Size]byte, c *child) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.alive, c)
	if p.children[id] == c {
		delete(p.children, id)
	}
	if c.idle != nil {
		c.idle.Stop()
	}
}

// kill ends what would not end by itself.
func (p *Pool) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.alive {
		p.cfg.Log.Error("Killed DNS child that did not stop", zap.Int("pid", c.cmd.Process.Pid))
		_ = c.cmd.Process.Kill()
	}
}
