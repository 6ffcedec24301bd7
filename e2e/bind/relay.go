package bind

import (
	"fmt"
	"net"

	"github.com/miekg/dns"
)

// relay passes questions on to a server. BIND listens at addresses of interfaces only, and 127.0.0.2 is none, though all
// of 127.0.0.0/8 can be listened at; and servers of a zone need addresses of their own, since clients go by them.
type relay struct {
	to       string
	udp, tcp *dns.Server
}

func startRelay(address, to string) (*relay, error) {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("relay to secondary: %w", err)
	}
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		tcp.Close()
		return nil, fmt.Errorf("relay to secondary: %w", err)
	}
	r := &relay{to: to}
	r.udp, r.tcp = r.serve(&dns.Server{PacketConn: udp}), r.serve(&dns.Server{Listener: tcp})
	return r, nil
}

func (r *relay) serve(server *dns.Server) *dns.Server {
	ready := make(chan struct{})
	server.Handler = r
	server.NotifyStartedFunc = func() { close(ready) }
	go func() { _ = server.ActivateAndServe() }() // ends with Shutdown
	<-ready
	return server
}

// ServeDNS implements [dns.Handler]. A server that does not answer is one that the client hears nothing of.
func (r *relay) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	client := dns.Client{Net: w.LocalAddr().Network()}
	if answer, _, err := client.Exchange(question, r.to); err == nil {
		_ = w.WriteMsg(answer) // a client that does not wait asks again
	}
}

func (r *relay) close() {
	_ = r.udp.Shutdown()
	_ = r.tcp.Shutdown()
}
