// Package loop runs a reconciler over a queue of names.
//
// Every event, timer and failure of a controller becomes the same sentence: look at this name again. A [Loop] holds the
// names that are due, hands each to one worker at a time, and does with the outcome what the table says:
//
//	reconcile returns        then
//	0, nil                   the name is done until something adds it
//	d, nil                   the name is looked at again after d
//	_, Permanent(err)        the error is logged; the name waits until something adds it
//	_, err                   the error is logged; the name is looked at again after Backoff(failures)
//
// A name added while it is being worked on is looked at once more afterwards; a name added many times is looked at once.
// A reconciler that waits for somebody else does so with [Loop.Away] and keeps no worker.
// Names that were added with [Loop.AddUrgent] overtake the others.
package loop
