package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// narrator writes the story: plain lines, so that a log reads as well as a terminal. Colours only on a terminal.
type narrator struct {
	w      io.Writer
	colour bool
}

func newNarrator(out *os.File) *narrator {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &narrator{w: out, colour: terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// The colours of ECMA-48 that are used.
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
	cyan  = "36"
)

func (n *narrator) paint(colour, text string) string {
	if !n.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (n *narrator) line(format string, args ...any) { fmt.Fprintf(n.w, format+"\n", args...) }

func (n *narrator) banner() {
	n.line("%s", n.paint(bold, "wildcast: one wildcard certificate per domain, in every namespace that asks for it"))
	n.line("A real control plane, CA and DNS server on this machine; Ctrl-C stops everything at any time.\n")
}

// chapter begins a step of the story.
func (n *narrator) chapter(number int, title string) {
	n.line("\n%s", n.paint(bold, fmt.Sprintf("%2d  %s", number, title)))
}

// command shows what an administrator or a user types.
func (n *narrator) command(line string) {
	n.line("    %s", n.paint(cyan, "$ "+strings.ReplaceAll(line, "\n", "\n    ")))
}

// output shows what a command or a file says.
func (n *narrator) output(text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		n.line("      %s", n.paint(dim, strings.TrimRight(line, "\n")))
	}
}

// remark explains.
func (n *narrator) remark(format string, args ...any) { n.line("    "+format, args...) }

// effect tells what wildcast did, and how long it took.
func (n *narrator) effect(took time.Duration, format string, args ...any) {
	n.line("    %s %s", n.paint(green, fmt.Sprintf("=> %-84s", fmt.Sprintf(format, args...))), n.paint(bold, brief(took)))
}

// proof tells what was checked and found right.
func (n *narrator) proof(format string, args ...any) {
	n.line("    %s", n.paint(green, "ok "+fmt.Sprintf(format, args...)))
}

func (n *narrator) failed(err error) {
	n.line("\n%s", n.paint(red, "FAILED: "+err.Error()))
}

// brief is a duration with three digits at most.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
