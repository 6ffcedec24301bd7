package main

import (
	"regexp"
	"strings"
)

// plain are the arguments that a shell takes as they are.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:,=@%+-]+$`)

// widest is the longest command that is printed on one line.
const widest = 110

// commandLine is a command as one types it in a shell. A long one is broken before its flags.
func commandLine(args ...string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = quote(arg)
	}
	line := strings.Join(words, " ")
	if len(line) <= widest {
		return line
	}
	return strings.ReplaceAll(line, " --", " \\\n    --")
}

func quote(arg string) string {
	if plain.MatchString(arg) {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
