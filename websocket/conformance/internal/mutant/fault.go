package mutant

import (
	"slices"
	"strings"
)

// Fault is one way to be wrong.
type Fault struct {
	// Name is the item that is violated, with /word behind it where the item
	// has several rules that need different behaviour to be violated.
	Name string
	// What says what the end then does.
	What string
}

// Faults lists every fault, sorted by name.
func Faults() []Fault {
	list := slices.Concat(httpFaults, handshakeFaults, clientFaults, frameFaults, closeFaults, deflateFaults)
	slices.SortFunc(list, func(a, b Fault) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Known reports whether there is a fault of this name. The empty name is that of
// the faultless end.
func Known(name string) bool {
	return name == "" || slices.ContainsFunc(Faults(), func(f Fault) bool { return f.Name == name })
}

// fault is the name of the one fault that an end has.
type fault string

// breaks reports whether the end has this fault.
func (f fault) breaks(name string) bool { return string(f) == name }
