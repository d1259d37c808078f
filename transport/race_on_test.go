//go:build race

package transport

// raceEnabled says that memory has more in it than the program's.
const raceEnabled = true
