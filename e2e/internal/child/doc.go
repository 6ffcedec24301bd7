// Package child runs another program for as long as this one lives, and not a moment longer.
//
// A suite starts servers that would happily outlive it: a test that panics, a timeout of go test, a
// Ctrl-C or a kill -9 must not leave an API server behind. Three things see to that:
//
//	the test ends well         Stop: SIGTERM, a grace, SIGKILL, to the whole process group
//	Ctrl-C at the terminal     the child has its own process group, so the signal reaches only the
//	                           test, which stops its children in the right order
//	the test dies of anything  on Linux the kernel sends the child SIGKILL (PR_SET_PDEATHSIG)
//
// The kernel's signal is tied to the thread that started the child, not to the process (prctl(2)). Go
// ends a thread only when a goroutine that is locked to it returns, so each child is started and
// waited for by one goroutine that stays locked to its thread until the child has ended.
package child
