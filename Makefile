# make run    build bin/openline and start it: needs Go and nothing else
# make test   everything; on Debian as root it installs what it needs first
# make bench        everything that is measured beside other libraries and servers: half an hour on a quiet machine
# make bench-smoke  what is promised of speed and memory, a line each: five minutes

ARGS ?=

.PHONY: help run build test install-deps fmt fmt-check vet cross lint unit race conformance fuzz interop js browser bench bench-smoke bench-soak bench-million vuln clean

help:
	@sed -n '/^# make/s/^# //p' Makefile
	@echo 'parts of make test: install-deps fmt-check vet cross lint unit race conformance fuzz interop js browser'

build:
	go build -trimpath -o bin/openline ./cmd/openline

# make run ARGS='--listen 0.0.0.0:8080 --config openline.yaml'
run: build
	./bin/openline serve $(ARGS)

test:
	@.ci/test

# One part alone, with the same set-up and the same summary as in make test.
install-deps vet cross lint unit race conformance fuzz interop js browser:
	@.ci/test $@

fmt-check:
	@.ci/test fmt

fmt:
	go -C tools build -o ../bin/gofumpt mvdan.cc/gofumpt
	bin/gofumpt -w $$(find . -name node_modules -prune -o -name '*.go' -print)

# Everything that is measured beside others, as tables, and as a chart in test-results/. It wants a quiet machine with
# two processors, and 20,000 descriptors for a process.
bench:
	mkdir -p test-results
	go -C bench run ./library -svg ../test-results/libraries.svg
	go -C bench run ./server

# A line for each thing that is promised of speed and memory: pass, fail or skip.
bench-smoke:
	@go -C bench run ./smoke

# Peers of all sorts come and go for ten minutes, at openline serve and at an echo on a loop: nothing may remain of them.
bench-soak:
	@go -C bench run ./soak

# A million sessions on this one machine, or as many as it has room for. It takes all of the machine, for some minutes.
bench-million:
	@go -C bench run ./million

# Known vulnerabilities in what we depend on. Not in make test: the database is a service of its own
# (vuln.go.dev) that a build behind a package mirror cannot reach, and its answer changes without our code changing.
vuln:
	go run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

clean:
	rm -rf bin test-results
