module github.com/openline/openline/bench

go 1.26.0

require (
	github.com/openline/openline v0.0.0
	golang.org/x/sys v0.49.0
)

replace github.com/openline/openline => ../
