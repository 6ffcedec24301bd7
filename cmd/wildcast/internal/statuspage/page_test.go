package statuspage

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
	"github.com/wildcast/wildcast/syncer"
)

func TestThePageShowsWhatIsWrongFirst(t *testing.T) {
	page := shown(t, sample())
	var sections []string
	for _, s := range page.all("section") {
		sections = append(sections, s.attribute("aria-labelledby"))
	}
	equal(t, "sections", sections, []string{"problems", "expiry", "certificates", "sources", "namespaces", "issuers"})
	var problems []string
	for _, li := range page.section(t, "problems").all("li") {
		problems = append(problems, li.text())
	}
	equal(t, "problems", problems, []string{
		"✕ FailingSecret cert-manager/wildcard.shop.testIt was not issued: the DNS vendor refused. The next attempt is at 2030-01-02T03:14:05Z.",
		"✕ TargetFailedSecret cert-manager/wildcard.example.testCopy team-c/wildcard.example.test is refused: exceeded quota: few. Raise the quota.",
	})
	if title := page.all("title")[0].text(); title != "(2) wildcast" {
		t.Errorf("the title is %q", title)
	}
	if header := page.all("header")[0].text(); !strings.Contains(header, "wildcast-5d8-abcde_1f leads, heard of 2s ago. This page comes from wildcast-5d8-abcde, the leader.") {
		t.Errorf("the header is %q", header)
	}
}

func TestThePageHasATableForEachKindOfThing(t *testing.T) {
	page := shown(t, sample())
	for section, want := range map[string][]string{
		"certificates": {
			"cert-manager/wildcard.shop.test | ✕ Failing 2 failed | *.shop.test | cert-manager/letsencrypt | – | – | in 10m | –",
			"cert-manager/wildcard.blog.test | ↻ Renewing | *.blog.test | cert-manager/letsencrypt | in 29d | 24h ago | – | in flight: https://ca.test/order/7",
			"cert-manager/wildcard.example.test | ✓ Ready | *.example.test | cert-manager/letsencrypt | in 80d | in 50d | – | –",
			"cert-manager/wildcard.old.test | ✕ Expired | *.old.test | cert-manager/letsencrypt | 2d ago | 32d ago | – | –",
		},
		"sources": {
			"Secret cert-manager/wildcard.example.test | ✕ failing | tls=yes | 3 | 1 | 1 | 0",
			"ConfigMap shop/ca-bundle | ✓ in order | every namespace | 1 | 0 | 0 | 0",
			"Secret shop/abroad | ✓ in order | other clusters only, as shop: prod, staging | 0 | 0 | 0 | 0",
		},
		"namespaces": {"cert-manager | ◆ | · | ·", "shop | ✓ | ◆ | ◆", "team-a | ✓ | ✓ | ·", "team-b | ↻ | · | ·", "team-c | ✕ | · | ·"},
		"issuers":    {"cert-manager/letsencrypt | ✓ Ready | acme | https://ca.test/directory | ✕ 0 of 50 under shop.test298 of 300 orders"},
	} {
		equal(t, section, page.section(t, section).rows(), want)
	}
	namespaces := page.section(t, "namespaces")
	if cell := namespaces.all("tbody")[0].all("td")[12]; cell.attribute("aria-label") != "failing" {
		t.Errorf("the cell that fails is called %q", cell.attribute("aria-label"))
	}
	if !strings.Contains(namespaces.text(), "No source selects default.") {
		t.Error("a namespace that no source selects is not named")
	}
}

func TestAnEmptyClusterIsShownToo(t *testing.T) {
	text := shown(t, Snapshot{Replica: "one", Report: report.Report{Time: now, Running: report.Running{Unknown: "there is no Lease"}}}).text()
	for _, want := range []string{"Nothing is wrong.", "There is no certificate yet.", "Nothing is copied.", "There is no issuer.", "It is not known who leads: there is no Lease.", "which does not lead"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
}

// hostile is all that somebody might write who wants the page to do something.
const hostile = `</style></title><script>alert(1)</script><img src=x onerror=alert(1)>"onmouseover="alert(1)' style='x javascript:alert(1) {{.Style}} ]]><svg onload=alert(1)>` + "\u202egnp.\u2066\x00\x1b[31m"

// hostileEverywhere has it wherever a text is shown.
func hostileEverywhere() Snapshot {
	object := report.Object{Kind: hostile, Namespace: hostile, Name: hostile}
	c := certificate(hostile, report.CertificateState(hostile), 10*day)
	c.Namespace, c.Issuer, c.Order, c.LastError, c.Message, c.Names = hostile, hostile, hostile, hostile, hostile, []string{hostile}
	return Snapshot{Replica: hostile, Namespaces: []string{hostile, hostile + "2"}, Report: report.Report{
		Time: now, Running: report.Running{Leader: hostile}, Problems: []report.Problem{{Object: object, Reason: hostile, Message: hostile}},
		Certificates: []report.Certificate{c},
		Reflections: []report.Reflection{{Object: object, Selector: hostile, As: hostile, Contexts: []string{hostile}, InOrder: []string{hostile},
			Targets: []report.Target{{Namespace: hostile, State: syncer.TargetState(hostile), Why: hostile}}}},
		Issuers: []report.Issuer{{Namespace: hostile, Name: hostile, Kind: hostile, Server: hostile, State: hostile, Message: hostile, Account: hostile,
			Budget: []report.Left{{Limit: "failures", Of: hostile, Most: 5}}}},
	}}
}

func TestHostileTextStaysText(t *testing.T) {
	page := shown(t, hostileEverywhere())
	same := shown(t, sample())
	for n := range page.Descendants() {
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || a.Key == "href" && a.Val != "status.json" && !strings.HasPrefix(a.Val, "?") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
	for _, tag := range []string{"script", "img", "iframe", "object", "embed", "link", "base", "form", "input"} {
		if found := page.all(tag); len(found) > 0 {
			t.Errorf("there is a %s", tag)
		}
	}
	for _, tag := range []string{"style", "title", "a", "meta"} {
		if got, want := len(page.all(tag)), len(same.all(tag)); got != want {
			t.Errorf("there are %d %s, and %d without harm", got, tag, want)
		}
	}
	if page.all("style")[0].FirstChild.Data != style {
		t.Error("the style is another")
	}
	text := page.text()
	if strings.ContainsAny(text, "\u202e\u2066\x00\x1b") {
		t.Error("characters that turn the text around, or that are not seen, are shown")
	}
	if n := strings.Count(text, "<script>alert(1)</script>"); n < 15 {
		t.Errorf("it is shown as text %d times", n)
	}
}

func TestABigClusterIsShownInCounts(t *testing.T) {
	s := big(1000, 100)
	source := &s.Report.Reflections[7]
	source.InOrder = source.InOrder[:990]
	for _, namespace := range s.Namespaces[990:] {
		source.Targets = append(source.Targets, report.Target{Namespace: namespace, State: syncer.Missing})
	}
	source.Failing = 10
	s.Report.Reflections[8].Targets = []report.Target{{Namespace: "namespace-0999", State: syncer.Blocked}}
	page := shown(t, s)
	namespaces := page.section(t, "namespaces")
	rows := namespaces.rows()
	if len(rows) != 10 || rows[0] != "namespace-0999 | 98 | 0 | 2 | 0" || rows[1] != "namespace-0990 | 99 | 0 | 1 | 0" {
		t.Errorf("%d rows: %q", len(rows), rows)
	}
	if text := namespaces.text(); !strings.Contains(text, "too many namespaces and sources") || !strings.Contains(text, "in 990 more everything is") {
		t.Errorf("it does not say what is left out: %.300s", text)
	}
	if bars := page.section(t, "expiry").all("li"); len(bars) != 1+mostBars || !strings.Contains(page.section(t, "expiry").text(), "39 more are not shown") {
		t.Errorf("%d certificates over time", len(bars)-1)
	}
}

func TestTablesEndSomewhere(t *testing.T) {
	s := sample()
	s.Report.Problems = slices.Repeat(s.Report.Problems[:1], 1000)
	s.Report.Certificates = slices.Repeat(s.Report.Certificates[:1], 1000)
	page := shown(t, s)
	if n := len(page.section(t, "problems").all("li")); n != mostProblems {
		t.Errorf("%d problems", n)
	}
	if n := len(page.section(t, "certificates").rows()); n != mostCertificates {
		t.Errorf("%d certificates", n)
	}
	for _, want := range []string{"800 more are not shown", "500 more are not shown"} {
		if !strings.Contains(page.text(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

func BenchmarkAPageOf1000NamespacesAnd100Sources(b *testing.B) {
	s := big(1000, 100)
	for i := range s.Report.Reflections { // in order nothing would be shown
		s.Report.Reflections[i].Targets = []report.Target{{Namespace: s.Namespaces[i*10], State: syncer.Missing}}
	}
	var page bytes.Buffer
	for b.Loop() {
		page.Reset()
		if err := render(&page, s, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(page.Len())/1024, "KiB/page")
}

func BenchmarkAPageWithTheLargestMatrix(b *testing.B) {
	s := big(100, 40)
	var page bytes.Buffer
	for b.Loop() {
		page.Reset()
		if err := render(&page, s, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(page.Len())/1024, "KiB/page")
}
