package server

import "github.com/openline/openline/internal/spell"

// nearest returns the candidate that takes the fewest edits to become from
// name, and their number; the first of several. With no candidates it returns
// "" and -1.
func nearest(name string, candidates []string) (string, int) {
	best, least := "", -1
	for _, c := range candidates {
		if d := spell.Distance(name, c); least < 0 || d < least {
			best, least = c, d
		}
	}
	return best, least
}
