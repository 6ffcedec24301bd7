package acmeclient_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
)

func TestAPausedNameIsToldApartFromOtherLimitsAndItsLinkIsWhole(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	link := "https://portal.letsencrypt.org/sfe/v1/unpause?jwt=" + strings.Repeat("x", 400)
	w.ca.Answer(acmetest.StepNewOrder, acmetest.Problem{Status: 429, Type: "rateLimited",
		Detail: "Your account is temporarily prevented from requesting certificates for a.test and possibly others. Please visit: " + link})
	_, err := w.order(w.request("a.test"))
	if !errors.Is(err, acmeclient.ErrPaused) || errorOf(t, err).Type != "rateLimited" {
		t.Errorf("got %v", err)
	}
	says(t, err, link)
	w.ca.Answer429(0)
	if _, err := w.order(w.request("a.test")); errors.Is(err, acmeclient.ErrPaused) {
		t.Errorf("got %v", err)
	}
}
