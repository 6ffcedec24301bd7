package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

func TestACommandIsPrintedSoThatAShellTakesIt(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"kubectl", "get", "secrets", "-A"}, "kubectl get secrets -A"},
		{[]string{"kubectl", "patch", "-p", `{"a":"it's"}`}, `kubectl patch -p '{"a":"it'\''s"}'`},
		{[]string{"kubectl", "label", "app", "key-"}, "kubectl label app key-"},
		{
			[]string{"kubectl", "create", "secret", "--type=" + strings.Repeat("t", 60), "--from-literal=" + strings.Repeat("v", 60)},
			"kubectl create secret \\\n    --type=" + strings.Repeat("t", 60) + " \\\n    --from-literal=" + strings.Repeat("v", 60),
		},
		{
			[]string{"kubectl", "label", strings.Repeat("a", 50), strings.Repeat("b", 50), "c"},
			"kubectl label " + strings.Repeat("a", 50) + " \\\n    " + strings.Repeat("b", 50) + " c",
		},
	} {
		if got := commandLine(tc.args...); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
}

func TestATimeHasThreeDigitsAtMost(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234567 * time.Nanosecond:    "1.2ms",
		12345678 * time.Nanosecond:   "12ms",
		1234567890 * time.Nanosecond: "1.2s",
		0:                            "0s",
	} {
		if got := brief(d); got != want {
			t.Errorf("%d is %q, want %q", d, got, want)
		}
	}
}

func TestColoursAreForTerminalsOnly(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if newNarrator(file).colour {
		t.Error("a file is taken for a terminal")
	}
	var plain, coloured bytes.Buffer
	(&narrator{w: &plain}).effect(time.Millisecond, "done")
	(&narrator{w: &coloured, colour: true}).effect(time.Millisecond, "done")
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(coloured.String(), "\x1b["+green+"m") {
		t.Errorf("plain %q, coloured %q", plain.String(), coloured.String())
	}
}
