// Command bench measures wildcast against its budgets, on a real control plane, CA and DNS server, and prints a line per
// figure:
//
//	bench: NAME VALUE UNIT budget VALUE ok|MISS
//
// It exits with 1 if a budget was missed. From the checkout: make bench, or go -C e2e run ./bench -h for the flags.
//
// # What is compared
//
// A figure is a count, a size, or a ratio against a bare loop that does nothing but the same requests: client-go writing
// the same objects with as many workers, as its typed client writes and deletes them, or acmeclient making the same orders
// through the same kind of DNS child. Both
// sides run in the same run, on the same API server, CA and DNS server, and take turns, so that a machine that is slow or
// busy is slow for both; the verdict is on the median of the turns.
//
// The bare loop uses the shipped ServiceAccount too: the administrator is exempt from API priority and fairness, and would
// run on another road. Both sides' requests are in the audit log, where they are counted and timed alike: from just before
// the change that starts it all to the API server's last answer. While the bare loop has its turn wildcast does not run.
//
// # Times
//
// No budget fails on a time alone. A time in milliseconds is printed for people; its budget is the absolute one or, where
// that is more, the ratio's budget times what the bare loop has taken.
package main
