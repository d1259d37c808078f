package server

import (
	"fmt"

	"github.com/openline/openline/auth"
)

const (
	// reservedFiles are descriptors that sessions leave for the rest: the
	// listener, the log, requests of the API.
	reservedFiles = 64
	// fewFiles is the descriptor limit below which a person should know.
	fewFiles = 10_000
	// shortKey is the length below which an API key can be guessed.
	shortKey = 16
)

// connections returns the bound of sessions in all, 0 for none, given the
// process's descriptor limit, if there is one.
func (r *resolved) connections(files uint64, limited bool) int {
	switch n := r.Limits.Connections; {
	case n > 0:
		return n
	case n < 0 || !limited:
		return 0
	}
	return max(1, int(min(files, 1<<30))-reservedFiles)
}

// warnings returns sentences about the configuration that a person should see.
func (r *resolved) warnings(files uint64, limited bool) []string {
	var list []string
	warn := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if n := r.Limits.Connections; limited && n > 0 && uint64(n)+reservedFiles > files {
		warn("limits.connections is %d, but this process may open %d files only; raise that (ulimit -n, or LimitNOFILE= of systemd)", n, files)
	} else if limited && files < fewFiles {
		warn("this process may open %d files only, which is as many as it can hold sessions; raise that (ulimit -n, or LimitNOFILE= of systemd)", files)
	}
	if !r.loopback {
		if len(r.Hosts) == 0 {
			warn("any host name is answered for; name yours in hosts (--hosts, OPENLINE_HOSTS)")
		}
		if r.TLS.Cert == "" {
			warn("connections are not encrypted; set tls.cert and tls.key, or put a proxy in front that speaks TLS")
		}
		for i, key := range r.APIKeys {
			if len(key) < shortKey {
				warn("API key %d has %d characters and can be guessed; %s is a better one", i+1, len(key), auth.GenerateKey())
			}
		}
	}
	for _, o := range r.Origins {
		if o == "*" && r.Token.HMACSecret == "" {
			warn("origins has * and no token is needed: any page that a browser here shows can connect as any user")
		}
	}
	for _, h := range r.Hosts {
		if h == "*" {
			warn("hosts has *: any host name is answered for, so that DNS rebinding is possible")
		}
	}
	return list
}
