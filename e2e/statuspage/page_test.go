package statuspage_test

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/e2e/chromium"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
)

// pictures is where to keep what the browser shows.
var (
	picture = flag.String("picture", "", "file for the picture in the documentation")
	narrow  = flag.String("picture-narrow", "", "file for a picture of the page on a phone")
	dark    = flag.String("picture-dark", "", "file for a picture of the dark page")
)

func TestThePageTellsInABrowserWhatGoesWellAndWhatDoesNot(t *testing.T) {
	s := open(t, "example.test", "shop.test", "blog.test")
	selected := map[string]string{"tls": "shared"}
	s.must(s.Namespace(t.Context(), "shop", selected))
	s.must(s.Namespace(t.Context(), "wiki", selected))
	s.must(s.Namespace(t.Context(), "blog", selected))
	s.must(s.Namespace(t.Context(), "full", selected))
	s.must(s.Namespace(t.Context(), "lab", nil))
	s.must(stage.Fill(t.Context(), s.Kube, "full", "secrets"))
	s.must(s.Issuer(t.Context(), stage.Home, "letsencrypt", map[string]string{"sync": "tls=shared"}))
	s.must(s.Solver(t.Context(), stage.Home, "dns", map[string]string{"zones": "example.test,shop.test"}))
	s.kubectl("create", "secret", "generic", "internal", "--type=wildcast.dev/issuer", "--namespace", stage.Home, "--from-literal=kind=selfsigned")
	s.kubectl("create", "configmap", "gateway", "--namespace", "wiki", "--from-literal=issuer=internal", "--from-literal=dnsNames=gateway.wiki.svc", "--from-literal=duration=720h")
	s.kubectl("label", "configmap", "gateway", "--namespace", "wiki", "wildcast.dev/certificate=true")
	s.kubectl("create", "configmap", "ca-bundle", "--namespace", "lab", "--from-literal=ca.crt=none")
	s.kubectl("annotate", "configmap", "ca-bundle", "--namespace", "lab", "wildcast.dev/sync=tls")
	optIn := map[string]string{"wildcast.dev/issuer": "letsencrypt"}
	s.must(s.Ingress(t.Context(), "wiki", "wiki", "wiki-tls", []string{"wiki.example.test"}, optIn))
	s.must(s.Ingress(t.Context(), "shop", "shop", "shop-tls", []string{"www.shop.test"}, optIn))
	s.must(s.Ingress(t.Context(), "blog", "blog", "blog-tls", []string{"www.blog.test"}, optIn))
	s.must(s.Ingress(t.Context(), "blog", "drafts", "drafts-tls", []string{"drafts.example.test"}, map[string]string{"wildcast.dev/issuer": "letsencript"}))
	from := time.Now()
	leader := s.run("leader")
	s.tells(leader,
		"wildcard.example.test is Ready", "wildcard.shop.test is Ready", "wildcard.blog.test is NotReady", "gateway is Ready",
		"Ingress blog/drafts: IssuerNotFound: ", "Secret cert-manager/wildcard.example.test: TargetFailed: Copy full/wildcard.example.test was not written: secrets",
		"of wildcard.example.test 5 copies, 0 behind, 1 failing, 0 leaving", "of wildcard.shop.test 4 copies, 0 behind, 1 failing, 0 leaving",
		"of ca-bundle 4 copies, 0 behind, 0 failing, 0 leaving",
	)

	shown, dom := s.look(leader, chromium.View{Width: 1280})
	s.shows(rows(dom),
		"✕ NotReady | Secret cert-manager/wildcard.blog.test", "✕ IssuerNotFound | Ingress blog/drafts", "exceeded quota: none-more",
		"cert-manager/wildcard.example.test | ✓ Ready | *.example.test | cert-manager/letsencrypt | in ", "wiki/gateway | ✓ Ready | gateway.wiki.svc",
		"ConfigMap lab/ca-bundle | ✓ in order | tls | 4 | 0 | 0 | 0", "Secret cert-manager/wildcard.example.test | ✕ failing | tls=shared | 5 | 0 | 1 | 0",
		"blog | ✓ | ✓ | ✓", "cert-manager | ◆ | ◆ | ·", "full | ✕ | ✕ | ✓", "lab | · | · | ◆",
		"cert-manager/letsencrypt | ✓ Ready | acme", "cert-manager/internal | ✓ Ready | selfsigned",
	)
	if n := count(dom, "svg"); n != 3+1+3 {
		t.Errorf("%d drawings, want the legend's three, the axis, and one for each certificate", n)
	}
	keep(t, *picture, shown.PNG)
	small, _ := s.look(leader, chromium.View{Width: 390})
	keep(t, *narrow, small.PNG)
	night, _ := s.look(leader+"?refresh=3600", chromium.View{Width: 1280, Dark: true})
	if light, black := brightness(t, shown.PNG), brightness(t, night.PNG); light < 200 || black > 60 {
		t.Errorf("of 255 the light page's corner has %d, the dark one's %d", light, black)
	}
	keep(t, *dark, night.PNG)

	follower := s.run("follower")
	s.tells(follower, "wildcard.example.test is Ready", "wildcard.blog.test is NotReady",
		"Secret cert-manager/wildcard.example.test: TargetFailed: Copy full/wildcard.example.test: it is not there yet; see: kubectl",
		"of wildcard.example.test 5 copies, 0 behind, 1 failing, 0 leaving")
	_, dom = s.look(follower, chromium.View{Width: 1280})
	if all := text(dom); !strings.Contains(all, " leads, heard of ") || !strings.Contains(all, ", which does not lead: ") {
		t.Errorf("it does not say who leads: %.600s", all)
	}
	s.neverAskedInVain(from)
}

// shows checks that each text is part of a row.
func (s *scene) shows(rows []string, wanted ...string) {
	s.Helper()
	for _, want := range wanted {
		if !slices.ContainsFunc(rows, func(row string) bool { return strings.Contains(row, want) }) {
			s.Errorf("no row has %q:\n%s", want, strings.Join(rows, "\n"))
		}
	}
}

// neverAskedInVain checks that the shipped rights suffice: only the quota refuses anything.
func (s *scene) neverAskedInVain(from time.Time) {
	s.Helper()
	requests, err := shared.Requests(cluster.Since(from))
	s.must(err)
	reads := 0
	for _, r := range requests {
		if r.User != cluster.Username(cluster.HomeNamespace, cluster.ServiceAccount) {
			continue
		}
		reads++
		if r.Code == 401 || r.Code == 403 && r.Verb != "create" {
			s.Errorf("%s: code %d: %s", r, r.Code, r.URI)
		}
	}
	if reads == 0 {
		s.Error("no request was seen")
	}
}

func TestWhatAnAttackerMayWriteIsShownAsText(t *testing.T) {
	s := open(t)
	s.must(s.Namespace(t.Context(), "evil", nil))
	attack := `x in (</style><script>document.title='owned'</script><img src="https://example.com/x" onerror="document.title='owned'">`
	s.kubectl("create", "configmap", "source", "--namespace", "evil")
	s.kubectl("annotate", "configmap", "source", "--namespace", "evil", "wildcast.dev/sync="+attack)
	s.must(s.Ingress(t.Context(), "evil", "web", "web-tls", []string{"www.a.test"}, map[string]string{"wildcast.dev/issuer": attack}))
	page := s.run("wildcast")
	s.tells(page, "ConfigMap evil/source: InvalidSelector: ", "Ingress evil/web: ")
	_, dom := s.look(page, chromium.View{Width: 1280})
	for _, tag := range []string{"script", "img"} {
		if n := count(dom, tag); n != 0 {
			t.Errorf("%d %s in the page", n, tag)
		}
	}
	if all := text(dom); !strings.Contains(all, "<script>document.title='owned'</script>") {
		t.Errorf("it is not shown: %s", all)
	}
}

func keep(t *testing.T, file string, picture []byte) {
	t.Helper()
	if file == "" {
		return
	}
	if err := os.WriteFile(file, smaller(t, picture), 0o644); err != nil {
		t.Fatal(err)
	}
}

// smaller is a picture with its 256 most frequent colours.
func smaller(t *testing.T, picture []byte) []byte {
	t.Helper()
	whole, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	often := map[color.Color]int{}
	for y := range whole.Bounds().Dy() {
		for x := range whole.Bounds().Dx() {
			often[whole.At(x, y)]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(often), func(a, b color.Color) int { return often[b] - often[a] })
	few := image.NewPaletted(whole.Bounds(), colors[:min(256, len(colors))])
	draw.Draw(few, whole.Bounds(), whole, whole.Bounds().Min, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, few); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// brightness of the picture's corner, up to 255.
func brightness(t *testing.T, picture []byte) int {
	t.Helper()
	decoded, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	r, g, b, _ := decoded.At(2, 2).RGBA()
	return int(r+g+b) / 3 >> 8
}
