package sidecar_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var seed = flag.Uint64("seed", 0, "of the moments at which the sidecar is killed; 0 draws one")

// kills is how often the sidecar is killed.
const kills = 20

// reader reads the certificate and the key of the version in service, again and again.
type reader struct {
	folder string
	stop   chan struct{}
	wg     sync.WaitGroup
	pairs  int
	wrong  error // the first that was no pair
}

func startReader(folder string) *reader {
	r := &reader{folder: folder, stop: make(chan struct{})}
	r.wg.Go(func() {
		for r.wrong == nil {
			select {
			case <-r.stop:
				return
			default:
				r.read()
			}
		}
	})
	return r
}

// read opens the version in service once, and reads both files there. That it was removed meanwhile is no fault.
func (r *reader) read() {
	at, err := os.OpenRoot(filepath.Join(r.folder, "..data"))
	if err != nil {
		r.note(err)
		return
	}
	defer at.Close()
	chain, errChain := at.ReadFile("tls.crt")
	key, errKey := at.ReadFile("tls.key")
	combined, errCombined := at.ReadFile("combined.pem")
	if err := errors.Join(errChain, errKey, errCombined); err != nil {
		r.note(err)
		return
	}
	_, err = tls.X509KeyPair(chain, key)
	_, errCombined = tls.X509KeyPair(combined, combined)
	if r.wrong = errors.Join(err, errCombined); r.wrong == nil {
		r.pairs++
	}
}

// note takes an error for one, unless it is that something is not there.
func (r *reader) note(err error) {
	if !errors.Is(err, fs.ErrNotExist) {
		r.wrong = err
	}
}

func (r *reader) end() {
	close(r.stop)
	r.wg.Wait()
}

func TestASidecarThatIsKilledAtAnyMomentNeverShowsHalfAVersionAndGoesOnFromThere(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed=%d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	p := open(t, "haproxy", "killed-haproxy")
	p.renew()
	p.start("--check=sleep 0.05", "--reload=true", "--signal=", "--pid-file=")
	r := startReader(p.Folder())
	var last string
	for range kills {
		for range random.IntN(4) {
			last = p.renew()
		}
		// Not a wait for anything: any moment will do, also one at which it has not begun.
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		p.Sidecar().Kill()
		last = p.renew()
		p.must(p.StartSidecar(t.Context(), p.kubeconfig, p.namespace, "--check=sleep 0.05", "--reload=true", "--signal=", "--pid-file="))
	}
	p.until("the last certificate is in service", func() error {
		if p.inService() != last {
			return errors.New("it is an earlier one")
		}
		return nil
	})
	p.until("nothing is left over", func() error { return p.leftOver() })
	r.end()
	if r.wrong != nil || r.pairs == 0 {
		t.Errorf("after %d pairs the reader found: %v", r.pairs, r.wrong)
	}
	t.Logf("%d pairs", r.pairs)
}

// leftOver returns an error if there is more than one version, or a trial or a reload is open.
func (p *pod) leftOver() error {
	inside, err := os.ReadDir(p.Folder())
	p.must(err)
	beside, err := os.ReadDir(filepath.Dir(p.Folder()))
	p.must(err)
	var hidden []string
	for _, entry := range append(inside, beside...) {
		if strings.HasPrefix(entry.Name(), "..") {
			hidden = append(hidden, entry.Name())
		}
	}
	if len(hidden) != 2 { // ..data, and where it leads
		return errors.New("there are " + strings.Join(hidden, " "))
	}
	return nil
}

func serialOf(t *testing.T, chain []byte) string {
	t.Helper()
	block, _ := pem.Decode(chain)
	if block == nil {
		t.Fatal("no certificate")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert.SerialNumber.Text(16)
}
