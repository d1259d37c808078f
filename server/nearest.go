package server

// nearest returns the candidate that takes the fewest edits to become from
// name, and their number; the first of several. With no candidates it returns
// "" and -1.
func nearest(name string, candidates []string) (string, int) {
	best, least := "", -1
	for _, c := range candidates {
		if d := edits(name, c); least < 0 || d < least {
			best, least = c, d
		}
	}
	return best, least
}

// edits returns the Levenshtein distance of a and b in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
