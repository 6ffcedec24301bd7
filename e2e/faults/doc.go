// Package faults breaks what wildcast stands on while it copies: the API server, its watches, its rights, its writes, and
// wildcast itself. Afterwards the cluster must be what package model says: exactly the copies that sources and labels
// ask for, nothing of anybody else's touched, nothing left over.
package faults
