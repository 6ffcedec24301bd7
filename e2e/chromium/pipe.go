package chromium

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// pipe speaks the DevTools protocol: JSON that ends with a zero byte, over two pipes. It is for one goroutine.
type pipe struct {
	out    *os.File
	in     *bufio.Reader
	close  func()
	last   int
	events []message // those that came while an answer was awaited
}

type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// newPipe also gives the files that Chromium reads from and writes to, which are to be closed once it runs.
func newPipe() (p *pipe, files []*os.File, err error) {
	read, out, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	in, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return &pipe{out: out, in: bufio.NewReader(in), close: func() { out.Close(); in.Close() }}, []*os.File{read, write}, nil
}

// call asks for something of a session, or of the browser if it is empty, and reads the answer into result unless that is nil.
func (p *pipe) call(session, method string, params, result any) error {
	p.last++
	text, err := json.Marshal(params)
	if err != nil {
		return err
	}
	request, err := json.Marshal(message{ID: p.last, Session: session, Method: method, Params: text})
	if err != nil {
		return err
	}
	if _, err := p.out.Write(append(request, 0)); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		m, err := p.next()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", method, err)
		case m.ID != p.last:
			p.events = append(p.events, m)
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case result != nil:
			return json.Unmarshal(m.Result, result)
		default:
			return nil
		}
	}
}

// await reads on until there was an event in a session, and gives all up to it.
func (p *pipe) await(session, event string) ([]message, error) {
	for i := 0; ; i++ {
		if i == len(p.events) {
			m, err := p.next()
			if err != nil {
				return nil, fmt.Errorf("wait for %s: %w", event, err)
			}
			p.events = append(p.events, m)
		}
		if m := p.events[i]; m.Session == session && m.Method == event {
			return p.events[:i+1], nil
		}
	}
}

func (p *pipe) next() (m message, err error) {
	text, err := p.in.ReadBytes(0)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m)
}
