package controllers

import (
	"errors"
	"strings"
)

// Faults are what is wrong with one object, in one line: each names the key or annotation that it is about, ": ", what is
// wrong with the value, and the remedy.
type Faults []error

func (f Faults) Error() string {
	texts := make([]string, 0, len(f))
	for _, fault := range f {
		texts = append(texts, strings.ReplaceAll(fault.Error(), "\n", "; "))
	}
	return strings.Join(texts, "; ")
}

// Unwrap gives the faults one by one.
func (f Faults) Unwrap() []error { return f }

// inOneLine is several faults in one line, as [Faults]; nil if there is none.
func inOneLine(faults []error) error {
	var all Faults
	for _, fault := range faults {
		if several, ok := errors.AsType[Faults](fault); ok {
			all = append(all, several...)
		} else if fault != nil {
			all = append(all, fault)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
