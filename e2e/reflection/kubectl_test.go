package reflection

import (
	"io"
	"strings"
)

// kubectl runs kubectl as a user of the cluster, with standard input if there is any, and returns what it prints.
func (s *story) kubectl(stdin string, args ...string) string {
	s.Helper()
	var in io.Reader
	if stdin != "" {
		in = strings.NewReader(stdin)
	}
	out, err := shared.KubectlWith(s.Context(), shared.Kubeconfig(), in, args...)
	s.must(err)
	return out
}
