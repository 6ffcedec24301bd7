// Package statuspage shows a report to people with a browser: one page of HTML that needs neither JavaScript nor anything
// from elsewhere, and the same as JSON.
//
// Whatever is shown may have been written by somebody who wants harm: names, hosts, what a CA or a DNS vendor answered. It
// is text, and html/template makes it text; nothing in it becomes a link, a style or a command.
package statuspage
