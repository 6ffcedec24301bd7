package statuspage

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
	"github.com/wildcast/wildcast/syncer"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

const day = 24 * time.Hour

// certificate lasts 90 days, and is renewed a third before its end.
func certificate(name string, state report.CertificateState, ends time.Duration) report.Certificate {
	c := report.Certificate{Namespace: "cert-manager", Name: name, State: state, Names: []string{"*." + strings.TrimPrefix(name, "wildcard.")}, Issuer: "cert-manager/letsencrypt"}
	if ends != 0 {
		c.Expires = now.Add(ends)
		c.NotBefore, c.Renews = c.Expires.Add(-90*day), c.Expires.Add(-30*day)
	}
	return c
}

// sample has something in each state that a page shows.
func sample() Snapshot {
	failing := certificate("wildcard.shop.test", report.Failing, 0)
	failing.LastError, failing.Failures, failing.NextAttempt = "the DNS vendor refused", 2, now.Add(10*time.Minute)
	failing.Message = "It was not issued: the DNS vendor refused. The next attempt is at 2030-01-02T03:14:05Z."
	renewing := certificate("wildcard.blog.test", report.Renewing, 29*day)
	renewing.Order = "https://ca.test/order/7"
	source := report.Object{Kind: "Secret", Namespace: "cert-manager", Name: "wildcard.example.test"}
	return Snapshot{
		Replica: "wildcast-5d8-abcde", Leads: true, Namespaces: []string{"cert-manager", "default", "shop", "team-a", "team-b", "team-c"},
		Report: report.Report{
			Time: now, Running: report.Running{Leader: "wildcast-5d8-abcde_1f", Renewed: now.Add(-2 * time.Second)},
			Problems: []report.Problem{
				{Object: report.Object{Kind: "Secret", Namespace: "cert-manager", Name: "wildcard.shop.test"}, Reason: "Failing", Message: failing.Message},
				{Object: source, Reason: "TargetFailed", Message: "Copy team-c/wildcard.example.test is refused: exceeded quota: few. Raise the quota."},
			},
			Certificates: []report.Certificate{failing, renewing, certificate("wildcard.example.test", report.Ready, 80*day), certificate("wildcard.old.test", report.Expired, -2*day)},
			Reflections: []report.Reflection{
				{Object: source, Selector: "tls=yes", Copies: 3, Behind: 1, Failing: 1, InOrder: []string{"shop", "team-a"}, Targets: []report.Target{
					{Namespace: "team-b", Name: source.Name, State: syncer.Behind}, {Namespace: "team-c", Name: source.Name, State: syncer.Missing},
				}},
				{Object: report.Object{Kind: "ConfigMap", Namespace: "shop", Name: "ca-bundle"}, Copies: 1, InOrder: []string{"team-a"}},
				{Object: report.Object{Kind: "Secret", Namespace: "shop", Name: "abroad"}, Selector: "false", Away: true, As: "shop", Contexts: []string{"prod", "staging"}},
			},
			Issuers: []report.Issuer{{Namespace: "cert-manager", Name: "letsencrypt", Kind: "acme", Server: "https://ca.test/directory", State: "Ready", Budget: []report.Left{
				{Limit: "orders", Of: "x", Left: 298, Most: 300}, {Limit: "certificates-of-domain", Of: "shop.test", Left: 0, Most: 50},
			}}},
		},
	}
}

// dom is a page as a browser has it.
type dom struct{ *html.Node }

func shown(t testing.TB, s Snapshot) dom {
	t.Helper()
	var page bytes.Buffer
	if err := render(&page, s, 0); err != nil {
		t.Fatal(err)
	}
	return parse(t, page.String())
}

func parse(t testing.TB, page string) dom {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return dom{root}
}

// all are the elements with a tag below an element, in order.
func (d dom) all(tag string) (found []dom) {
	for n := range d.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag {
			found = append(found, dom{n})
		}
	}
	return found
}

func (d dom) attribute(name string) string {
	for _, a := range d.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is what is read, with single spaces.
func (d dom) text() string {
	var all strings.Builder
	for n := range d.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			all.WriteString(n.Data)
		}
	}
	return strings.Join(strings.Fields(all.String()), " ")
}

// section is the part of the page under a heading.
func (d dom) section(t testing.TB, id string) dom {
	t.Helper()
	for _, s := range d.all("section") {
		if s.attribute("aria-labelledby") == id {
			return s
		}
	}
	t.Fatalf("there is no section %s", id)
	return dom{}
}

// rows are the cells of a section's table, with | between them, but its head.
func (d dom) rows() (rows []string) {
	for _, body := range d.all("tbody") {
		for _, tr := range body.all("tr") {
			var cells []string
			for n := range tr.ChildNodes() {
				if n.Type == html.ElementNode {
					cells = append(cells, dom{n}.text())
				}
			}
			rows = append(rows, strings.Join(cells, " | "))
		}
	}
	return rows
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s:\n%s\nwant\n%s", what, g, w)
	}
}

// big is a cluster of so many namespaces, into each of which so many sources are copied.
func big(namespaces, sources int) Snapshot {
	s := Snapshot{Replica: "one", Report: report.Report{Time: now}}
	for i := range namespaces {
		s.Namespaces = append(s.Namespaces, fmt.Sprintf("namespace-%04d", i))
	}
	for i := range sources {
		source := report.Reflection{Object: report.Object{Kind: "Secret", Namespace: "cert-manager", Name: fmt.Sprintf("wildcard.domain-%03d.test", i)}, Selector: "tls=yes", Copies: namespaces, InOrder: s.Namespaces}
		s.Report.Reflections = append(s.Report.Reflections, source)
		s.Report.Certificates = append(s.Report.Certificates, certificate(source.Name, report.Ready, time.Duration(i)*day))
	}
	return s
}
