package ports_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/wildcast/wildcast/e2e/internal/ports"
)

func TestNoPortIsHeldTwice(t *testing.T) {
	var one, other ports.Holder
	t.Cleanup(one.Release)
	t.Cleanup(other.Release)
	seen := map[int]bool{}
	for _, holder := range []*ports.Holder{&one, &other} {
		taken, err := holder.Take(500)
		if err != nil {
			t.Fatal(err)
		}
		for _, port := range taken {
			if seen[port] {
				t.Errorf("port %d was given out twice", port)
			}
			seen[port] = true
		}
	}
}

func TestAPortThatIsHeldCanBeListenedOn(t *testing.T) {
	var holder ports.Holder
	t.Cleanup(holder.Release)
	taken, err := holder.Take(1)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a server and its restart
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(taken[0]))
		if err != nil {
			t.Fatal(err)
		}
		_ = listener.Close()
	}
}
