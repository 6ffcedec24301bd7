package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ldflags are the linker's flags in a text.
func ldflags(t *testing.T, text, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("nothing is like %s", pattern)
	}
	return strings.NewReplacer("$(VERSION)", "VERSION", "$VERSION", "VERSION").Replace(found[1])
}

func TestTheImageIsBuiltWithTheFlagsOfTheMakefileAndSoKnowsItsVersion(t *testing.T) {
	image := readDoc(t, "Dockerfile")
	got, want := ldflags(t, image, `-ldflags "(.*?)"`), ldflags(t, readDoc(t, "Makefile"), `(?m)^LDFLAGS +:= (.*)$`)
	if got != want || !strings.Contains(got, "-X main.version=VERSION") {
		t.Errorf("the Dockerfile has the flags %q, and the Makefile %q", got, want)
	}
	stages := strings.Split(image, "FROM ")
	if !strings.Contains(stages[1], "\nARG VERSION=dev\n") { // an argument ends with its stage
		t.Errorf("the stage that builds does not take VERSION: %s", stages[1])
	}
}

func TestTheImageIsBuiltWithoutTheHistoryAndWithoutWhatWasBuiltBefore(t *testing.T) {
	ignored := strings.Fields(readDoc(t, ".dockerignore"))
	for _, name := range []string{".git", ".cache", "bin"} {
		if !slices.Contains(ignored, name) {
			t.Errorf(".dockerignore lacks %s", name)
		}
	}
}

func TestTheDocumentationBuildsTheImageThatTheManifestsName(t *testing.T) {
	tag := regexp.MustCompile(`(?m)^    newTag: (.+)$`).FindStringSubmatch(readDoc(t, "manifests/base/kustomization.yaml"))[1]
	build := regexp.MustCompile(`(?m)^    (docker build .*)$`)
	commands := 0
	for _, page := range []string{"README.md", "docs/install.md"} {
		for _, line := range build.FindAllStringSubmatch(readDoc(t, page), -1) {
			commands++
			if !strings.Contains(line[1], " --build-arg VERSION="+tag+" ") || !strings.Contains(line[1], "wildcast:"+tag+" ") {
				t.Errorf("%s: %q does not make version %s", page, line[1], tag)
			}
		}
	}
	if commands < 3 {
		t.Errorf("just %d commands build the image", commands)
	}
}
