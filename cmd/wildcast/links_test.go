package main

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fenced  = regexp.MustCompile("(?sm)^```.*?^```")
)

// anchors are the fragments by which GitHub leads to a page's headings.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, found := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, found[1])] = true
	}
	return all
}

func TestEveryLinkOfTheDocumentationLeadsToAFileAndAHeadingThatAreThere(t *testing.T) {
	checked := 0
	for _, name := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(readDoc(t, name), -1) {
			if strings.Contains(found[1], "://") || strings.HasPrefix(found[1], "mailto:") {
				continue
			}
			checked++
			file, fragment, _ := strings.Cut(found[1], "#")
			to := name
			if file != "" {
				to = path.Join(path.Dir(name), file)
			}
			if _, err := os.Stat(root + to); err != nil {
				t.Errorf("%s has a link to %s: %v", name, found[1], err)
				continue
			}
			if fragment != "" && !anchors(readDoc(t, to))[fragment] {
				t.Errorf("%s has a link to %s, and %s has no such heading", name, found[1], to)
			}
		}
	}
	if checked < 50 {
		t.Errorf("just %d links", checked)
	}
}
