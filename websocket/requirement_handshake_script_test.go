package websocket_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/handshake"
)

const baseResponse = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n"

// response makes a response from the base response, as change makes a request
// from the base request. ACCEPT stands for the right accept value.
func response(changes ...string) string { return edit(baseResponse, changes...) }

// script is a server whose part is written by hand: serve is called for each
// connection, with what the client sent first.
type script struct {
	t       testing.TB
	serve   func(p *scriptPeer)
	raw     func(nc net.Conn) // instead of serve: before anything has been read
	network func() (client, server net.Conn)
	tls     *tls.Config

	mu        sync.Mutex // guards the following
	addresses []string   // that the client asked for
	running   sync.WaitGroup
}

// scriptPeer is one connection of a script.
type scriptPeer struct {
	net.Conn
	br   *bufio.Reader
	head string        // the opening request
	req  *http.Request // the same, parsed
	key  string
}

// newScript returns a script over TCP on loopback.
func newScript(t testing.TB, serve func(p *scriptPeer)) *script {
	s := &script{t: t, serve: serve}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.network = func() (net.Conn, net.Conn) {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Error(err)
			return nil, nil
		}
		server, err := l.Accept()
		if err != nil {
			t.Error(err)
			return nil, nil
		}
		server.SetDeadline(time.Now().Add(patience))
		return client, server
	}
	t.Cleanup(func() {
		s.running.Wait()
		l.Close()
	})
	return s
}

// newPipeScript returns a script over net.Pipe: for bubbles of synctest, and for
// counting octets. A write ends when the client has read it.
func newPipeScript(t testing.TB, serve func(p *scriptPeer)) *script {
	s := &script{t: t, serve: serve, network: net.Pipe}
	t.Cleanup(s.running.Wait)
	return s
}

// answering is a script that gives one answer, in which ACCEPT stands for the
// right value, and waits until the client closes; it must not send anything.
func answering(t testing.TB, text string) *script {
	return newScript(t, func(p *scriptPeer) {
		p.say(text)
		p.silence(t)
	})
}

// acceptOf is what answers key.
func acceptOf(key string) string { return handshake.AcceptKey(key) }

func (p *scriptPeer) say(text string) {
	_, _ = io.WriteString(p, strings.ReplaceAll(text, "ACCEPT", acceptOf(p.key))) // the client may have closed
}

// dribble says the text one octet at a time.
func (p *scriptPeer) dribble(text string) {
	text = strings.ReplaceAll(text, "ACCEPT", acceptOf(p.key))
	for i := range len(text) {
		if _, err := io.WriteString(p, text[i:i+1]); err != nil {
			return
		}
	}
}

// silence waits until the client closes and checks that it sends nothing before.
func (p *scriptPeer) silence(t testing.TB) {
	got, err := io.ReadAll(p.br)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Error("the client did not close its socket")
	}
	if len(got) > 0 {
		t.Errorf("the client sent %q", got)
	}
}

// frame reads a frame of the client's and unmasks it.
func (p *scriptPeer) frame(t testing.TB) (frame.Header, string) {
	var head []byte
	for {
		c, err := p.br.ReadByte()
		if err != nil {
			t.Error(err)
			return frame.Header{}, ""
		}
		head = append(head, c)
		h, n, err := frame.ParseHeader(head)
		if err != nil {
			t.Error(err)
			return h, ""
		}
		if n == 0 {
			continue
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(p.br, payload); err != nil {
			t.Error(err)
		}
		for i := range payload {
			payload[i] ^= h.Key[i%4]
		}
		return h, string(payload)
	}
}

// dial is NetDial.
func (s *script) dial(_ context.Context, _, address string) (net.Conn, error) {
	client, server := s.network()
	if client == nil {
		return nil, net.ErrClosed
	}
	s.mu.Lock()
	s.addresses = append(s.addresses, address)
	s.mu.Unlock()
	s.running.Go(func() {
		defer server.Close()
		s.accept(server)
	})
	return client, nil
}

func (s *script) accept(nc net.Conn) {
	if s.tls != nil {
		nc = tls.Server(nc, s.tls)
	}
	if s.raw != nil {
		s.raw(nc)
		return
	}
	if p := s.heard(nc, bufio.NewReader(nc)); p != nil {
		s.serve(p)
	}
}

// heard reads an opening request. It returns nil if the client gives up before.
func (s *script) heard(nc net.Conn, br *bufio.Reader) *scriptPeer {
	p := &scriptPeer{Conn: nc, br: br}
	for !strings.HasSuffix(p.head, "\r\n\r\n") {
		c, err := p.br.ReadByte()
		if err != nil {
			return nil
		}
		p.head += string([]byte{c})
	}
	var err error
	if p.req, err = http.ReadRequest(bufio.NewReader(strings.NewReader(p.head))); err != nil {
		s.t.Errorf("the client's request %q: %v", p.head, err)
		return nil
	}
	p.key = p.req.Header.Get("Sec-WebSocket-Key")
	return p
}

// asked returns the addresses that the client connected to.
func (s *script) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.addresses)
}

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

// options are those that lead to the script, whatever the URL's host.
func (s *script) options(o websocket.DialOptions) *websocket.DialOptions {
	o.NetDial = s.dial
	if o.Proxy == nil {
		o.Proxy = noProxy
	}
	return &o
}

// open dials, and the test fails if that fails.
func (s *script) open(t testing.TB, url string, o websocket.DialOptions) *websocket.Conn {
	t.Helper()
	c, err := websocket.Dial(t.Context(), url, s.options(o))
	if err != nil {
		t.Errorf("%s: %v", url, err)
		return nil
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

// fail dials, and the test fails if that does not.
func (s *script) fail(t testing.TB, url string, o websocket.DialOptions) error {
	t.Helper()
	c, err := websocket.Dial(t.Context(), url, s.options(o))
	if err == nil {
		t.Errorf("%q: the connection opened", url)
		c.CloseNow()
		return io.EOF
	}
	if !strings.HasPrefix(err.Error(), "websocket: ") {
		t.Errorf("%q: the error is %q", url, err)
	}
	return err
}

// opensWith checks that a client takes the answer for an open connection, on
// which frames are read.
func opensWith(t *testing.T, text string, o websocket.DialOptions) *websocket.Conn {
	t.Helper()
	s := newScript(t, func(p *scriptPeer) {
		p.say(text)
		p.say("\x81\x02Hi")
		io.Copy(io.Discard, p.br)
	})
	c := s.open(t, "ws://ws.test:9001/echo", o)
	if c == nil {
		t.Errorf("the answer was %q", text)
		return nil
	}
	readHi(t, c)
	c.CloseNow()
	return c
}

// failsWith checks that a client takes the answer for a failure, sends nothing
// more and closes.
func failsWith(t *testing.T, text string, o websocket.DialOptions) error {
	t.Helper()
	s := answering(t, text)
	err := s.fail(t, "ws://ws.test:9001/echo", o)
	s.running.Wait()
	if err == io.EOF {
		t.Errorf("the answer was %.200q", text)
	}
	return err
}

func readHi(t testing.TB, c *websocket.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	typ, msg, err := c.Read(ctx)
	if err != nil || typ != websocket.Text || string(msg) != "Hi" {
		t.Errorf("read %v %q, %v", typ, msg, err)
	}
}

// authority issues certificates. Its clock is wide, so that its certificates
// hold in a bubble of synctest too.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

var (
	longAgo    = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	beforeNow  = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	farFuture  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	testIssuer = sync.OnceValue(newAuthority)
)

func newAuthority() *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	a := &authority{key: key, pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test issuer"}, NotBefore: longAgo, NotAfter: farFuture,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

// issue makes a certificate for name until notAfter.
func (a *authority) issue(name string, notAfter time.Time) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: longAgo, NotAfter: notAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serverTLS is the configuration of a server with a valid certificate for name.
func serverTLS(name string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{testIssuer().issue(name, farFuture)}}
}

// clientTLS trusts the test's issuer.
func clientTLS() *tls.Config { return &tls.Config{RootCAs: testIssuer().pool} }
