package report

import (
	"strings"
	"testing"

	"github.com/wildcast/wildcast/acmeclient"
)

func TestTheRemedyIsForTheFirstNameThatFailedAndForItsChallenge(t *testing.T) {
	valid := acmeclient.Authorization{Name: "a.test", Status: "valid", Challenge: acmeclient.DNS01}
	failed := func(name, challenge, kind string) acmeclient.Authorization {
		return acmeclient.Authorization{Name: name, Status: "invalid", Challenge: challenge, ErrorType: kind}
	}
	for _, row := range []struct {
		all  []acmeclient.Authorization
		says string
	}{
		{nil, ""},
		{[]acmeclient.Authorization{valid}, ""},
		{[]acmeclient.Authorization{failed("b.test", acmeclient.DNS01, "newlyInvented")}, ""},
		{[]acmeclient.Authorization{valid, failed("*.b.test", acmeclient.DNS01, "caa"), failed("c.test", acmeclient.DNS01, "dns")}, "A CAA record of b.test, or"},
		{[]acmeclient.Authorization{failed("*.b.test", acmeclient.DNS01, "unauthorized")}, "did not see the record at b.test"},
		{[]acmeclient.Authorization{failed("b.test", acmeclient.HTTP01, "unauthorized")}, "the addresses of b.test in the public DNS"},
		{[]acmeclient.Authorization{failed("b.test", acmeclient.HTTP01, "connection")}, "could not reach b.test"},
	} {
		got := remedy(row.all)
		if (got == "") != (row.says == "") || !strings.Contains(got, row.says) || strings.Contains(got, "DOMAIN") {
			t.Errorf("%+v: %q", row.all, got)
		}
	}
}
