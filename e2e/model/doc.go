// Package model compares wildcast with the rules of reflection, while users do anything they like.
//
// A [World] is what users have made: namespaces, sources, objects of their own. What belongs in every namespace follows
// from it by a pure function, [World.Wrong], which shares no code with package syncer: it is the rules written a
// second time, so that a mistake would have to be made twice. [Users] change the real API server and the World alike,
// and [Users.Settle] waits until the two agree.
//
//	what users do                                       ops.go    an Op is drawn from a seed, and says all that it does
//	what it makes of the API server and of the World    users.go  the World takes what the API server answered
//	what should be there                                rules.go  sources × namespaces → copies
//	what is there instead                               wrong.go
//
// An Op does not depend on what happened before it, so a seed always gives the same Ops, whatever the API server answers
// to them and however fast wildcast is.
//
// # Where the rules leave wildcast a choice
//
// Between two moments of rest wildcast may see every state in between, or none, and states of two objects that were
// never there at the same time. Nearly always the outcome is the same. Two things cannot be undone: an object that a
// user offered, or that kubed made, is taken over, and a copy that was kept for the sake of a source in disorder is
// overwritten. The World remembers which states there have been since the last rest, and accepts either outcome where
// one of them allows it.
package model
