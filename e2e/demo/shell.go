package main

import (
	"regexp"
	"strings"
)

// plain are the arguments that a shell takes as they are.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:,=@%+-]+$`)

// widest is the longest line of a command.
const widest = 108

// commandLine is a command as one types it in a shell. A long one goes on in further lines: each flag from the first
// one with two dashes on has its own, and all others hold what fits.
func commandLine(args ...string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = quote(arg)
	}
	if line := strings.Join(words, " "); len(line) <= widest {
		return line
	}
	const next = " \\\n    "
	out, width := words[0], len(words[0])
	for _, word := range words[1:] {
		if strings.HasPrefix(word, "--") || width+1+len(word) > widest-len(next) {
			out, width = out+next+word, 4+len(word)
			continue
		}
		out, width = out+" "+word, width+1+len(word)
	}
	return out
}

func quote(arg string) string {
	if plain.MatchString(arg) {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
