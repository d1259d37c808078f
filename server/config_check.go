package server

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/openline/openline"
	"github.com/openline/openline/auth"
	"github.com/openline/openline/websocket/http1"
)

const (
	defaultListen      = "127.0.0.1:8080"
	defaultPing        = 30 * time.Second
	defaultDrain       = 10 * time.Second
	defaultMessageSize = 1 << 20
	defaultBurst       = 10
)

// resolved is a Config with its defaults filled in and its parts checked.
type resolved struct {
	Config
	host, port string
	loopback   bool
	level      slog.Level
	namespaces map[string]openline.Namespace // the configuration's and those of Hub
}

// resolve fills in the defaults and says what cannot be.
func (c *Config) resolve() (*resolved, error) {
	r := &resolved{}
	if c != nil {
		r.Config = *c
	}
	r.Listen = cmp.Or(r.Listen, defaultListen)
	r.Ping = cmp.Or(r.Ping, defaultPing)
	r.Drain = cmp.Or(r.Drain, defaultDrain)
	r.Limits.MessageSize = cmp.Or(r.Limits.MessageSize, defaultMessageSize)
	if r.Limits.MessageBurst < 0 {
		return nil, errors.New("server: limits.message_burst is negative; to have no limit, leave limits.messages_per_second out")
	}
	if r.Limits.MessageBurst == 0 {
		r.Limits.MessageBurst = max(defaultBurst, int(min(2*r.Limits.MessagesPerSecond, 1<<30)))
	}
	var err error
	if r.host, r.port, err = net.SplitHostPort(r.Listen); err != nil {
		return nil, fmt.Errorf("server: listen: %q is not HOST:PORT, such as %s or :8080", r.Listen, defaultListen)
	}
	r.loopback = isLoopback(r.host)
	for _, check := range []func() error{r.checkHosts, r.checkOrigins, r.checkAuth, r.checkTLS, r.checkCompression, r.checkLog, r.checkNamespaces} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// isLoopback reports whether only this machine can reach the host of a listen
// address. A name counts when it is reserved for that (RFC 6761 §6.3).
func isLoopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().IsLoopback()
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

func (r *resolved) checkHosts() error {
	for _, h := range r.Hosts {
		if http1.CheckHosts([]string{h}) == nil {
			continue
		}
		advice := "give the name alone, with neither scheme nor port"
		if strings.ContainsFunc(h, func(c rune) bool { return c > unicode.MaxASCII }) {
			advice = "give its ASCII form, which begins with xn-- (Punycode)"
		}
		return fmt.Errorf("server: hosts: %q is not a host name; %s", h, advice)
	}
	return nil
}

func (r *resolved) checkOrigins() error {
	for _, o := range r.Origins {
		if o == "*" {
			continue
		}
		u, err := url.Parse(strings.Replace(o, "://*.", "://any.", 1))
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.Contains(u.Host, "*") ||
			u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
			return fmt.Errorf("server: origins: %q is not an origin; it has the form https://app.example or https://*.example.com, with no path, or is * for any", o)
		}
	}
	return nil
}

func (r *resolved) checkAuth() error {
	if secret := r.Token.HMACSecret; secret != "" && len(secret) < auth.MinSecret {
		return fmt.Errorf("server: token.hmac_secret has %d bytes; it needs at least %d (openssl rand -hex 32 makes one)", len(secret), auth.MinSecret)
	}
	if r.loopback || (r.Token.HMACSecret != "" && len(r.APIKeys) > 0) {
		return nil
	}
	var missing []string
	if r.Token.HMACSecret == "" {
		missing = append(missing, "token.hmac_secret is not set, so anybody could connect as any user")
	}
	if len(r.APIKeys) == 0 {
		missing = append(missing, "api_keys is not set")
	}
	return fmt.Errorf("server: refusing to listen on %s, which others can reach: %s. "+
		"Set token.hmac_secret (OPENLINE_TOKEN_HMAC_SECRET) and api_keys (OPENLINE_API_KEYS), "+
		"or listen on loopback alone (listen: %s)", r.Listen, strings.Join(missing, ", and "), net.JoinHostPort("127.0.0.1", r.port))
}

func (r *resolved) checkTLS() error {
	if (r.TLS.Cert == "") != (r.TLS.Key == "") {
		return errors.New("server: tls.cert and tls.key go together; one of them is not set")
	}
	return nil
}

func (r *resolved) checkLog() error {
	if r.Log.Level != "" {
		if err := r.level.UnmarshalText([]byte(r.Log.Level)); err != nil {
			return fmt.Errorf("server: log.level: %q is none of debug, info, warn, error", r.Log.Level)
		}
	}
	switch r.Log.Format {
	case "", "text", "json":
		return nil
	}
	return fmt.Errorf("server: log.format: %q is neither text nor json", r.Log.Format)
}

// hosts returns the names to answer for; none stands for any.
func (r *resolved) hosts() []string {
	if len(r.Hosts) > 0 || !r.loopback {
		return r.Hosts
	}
	hosts := []string{"localhost", "*.localhost", "127.0.0.1", "[::1]"}
	if a, err := netip.ParseAddr(r.host); err == nil && a != netip.MustParseAddr("127.0.0.1") && a != netip.IPv6Loopback() {
		if a.Is6() {
			return append(hosts, "["+r.host+"]")
		}
		return append(hosts, r.host)
	}
	return hosts
}
