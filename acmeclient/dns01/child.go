package dns01

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/wildcast/wildcast/acmeclient/dns01/wire"
)

const (
	// startLimit is how long a child may take to say hello.
	startLimit = 30 * time.Second
	// stderrTail is how much of a child's last words is kept for the message about its death.
	stderrTail = 2 << 10
)

// child is one running wildcast-dns01. It has the credentials of one solver and serves all orders that use it.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	words *tail

	greeted chan struct{} // closed when hello, or the child's death, is known
	hello   wire.Hello
	gone    chan struct{} // closed when the process has ended and err says how
	err     error

	writing sync.Mutex // held while a line is written, never together with mu
	mu      sync.Mutex
	lastID  uint64
	waiting map[uint64]chan wire.Reply

	// The pool's lock guards these.
	users int
	idle  *time.Timer
}

// startChild starts the program. What it says is read by listen.
func startChild(command string, s *Settings) (*child, io.Reader, error) {
	c := &child{
		cmd:     exec.Command(command),
		words:   &tail{},
		greeted: make(chan struct{}),
		gone:    make(chan struct{}),
		waiting: map[uint64]chan wire.Reply{},
	}
	c.cmd.Env = s.environment(os.Environ())
	c.cmd.Stderr = c.words
	c.cmd.SysProcAttr = ownGroup()
	c.cmd.WaitDelay = 5 * time.Second
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the program of --dns01-command: %w; have the flag name wildcast-dns01, which the image has beside wildcast", err)
	}
	c.stdin = stdin
	return c, stdout, nil
}

// listen hands out the child's replies until it ends.
func (c *child) listen(stdout io.Reader) {
	lines := json.NewDecoder(stdout)
	if err := lines.Decode(&c.hello); err == nil {
		close(c.greeted)
		for {
			var reply wire.Reply
			if lines.Decode(&reply) != nil {
				break
			}
			c.deliver(reply)
		}
		c.end(c.cmd.Wait())
		return
	}
	c.end(c.cmd.Wait())
	close(c.greeted)
}

func (c *child) deliver(reply wire.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch := c.waiting[reply.ID]; ch != nil {
		ch <- reply
		delete(c.waiting, reply.ID)
	}
}

// end notes how the process ended. A clean end is a promise that nothing was left behind.
func (c *child) end(err error) {
	if err != nil {
		c.err = fmt.Errorf("wildcast-dns01 ended: %w %s", err, c.words)
	}
	close(c.gone)
}

// errEnded is the reason of a call that came after the child's clean end.
var errEnded = errors.New("wildcast-dns01 has ended")

// ready waits for the child's hello.
func (c *child) ready(ctx context.Context) error {
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case <-c.greeted:
	case <-limit.C:
		return fmt.Errorf("wildcast-dns01 did not answer within %s", startLimit)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if c.hello.Error != "" {
		return errors.New(c.hello.Error)
	}
	select {
	case <-c.gone:
		return c.death()
	default:
		return nil
	}
}

func (c *child) death() error {
	if c.err != nil {
		return c.err
	}
	return errEnded
}

// call sends one request and waits for its reply. An error with replied true is the provider's own.
func (c *child) call(ctx context.Context, req wire.Request) (replied bool, err error) {
	reply, id := c.expect()
	defer c.forget(id)
	req.ID = id
	if err := c.write(req); err == nil {
		select {
		case r := <-reply:
			if r.Error != "" {
				return true, errors.New(r.Error)
			}
			return true, nil
		case <-c.gone:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	select { // a child that takes no more requests is about to end
	case <-c.gone:
		return false, c.death()
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

func (c *child) expect() (<-chan wire.Reply, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID++
	reply := make(chan wire.Reply, 1)
	c.waiting[c.lastID] = reply
	return reply, c.lastID
}

func (c *child) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

func (c *child) write(req wire.Request) error {
	line, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err = c.stdin.Write(append(line, '\n'))
	return err
}

// retire tells the child to take back what it presented and to exit.
func (c *child) retire() {
	_ = c.write(wire.Request{Op: wire.Stop}) // a child that cannot be told has ended
	c.stdin.Close()
}

// tail keeps the last words of a stream.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if n := len(t.text) - stderrTail; n > 0 {
		t.text = t.text[n:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
