// Package nginx puts nginx in front of a server that is tested, as many have it
// in front of theirs.
//
// For most uses, [Start] with the name of a configuration, which is a file beside
// this one, is all there is to it:
//
//	proxy := nginx.Start(t, "plain", server.Addr().String())
//	res, err := http.Get(proxy.URL() + "/")
//
// It needs no rights: nginx runs in a folder of its own, on a port of loopback.
package nginx

import (
	"bufio"
	"embed"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

//go:embed *.conf
var configurations embed.FS

// Proxy is a running nginx.
type Proxy struct {
	// Addr is where it listens: an address of loopback with its port.
	Addr string

	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	stop sync.Once

	mu  sync.Mutex // guards log
	log strings.Builder
}

// Start runs nginx until the end of the test, which is skipped where there is no
// nginx. name is that of a configuration: "plain", "upgrade", "stream" or "hold".
// server is the address, with its port, that requests are passed on to.
func Start(t testing.TB, name, server string) *Proxy {
	t.Helper()
	program, err := find()
	if err != nil {
		t.Skip("nginx is not installed (Debian: nginx-light)")
	}
	text, err := configurations.ReadFile(name + ".conf")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // somebody else may take the port that was free
		p, err := start(t, program, string(text), server)
		if err == nil {
			return p
		}
		if !errors.Is(err, errTaken) {
			t.Fatal(err)
		}
	}
	t.Fatal("nginx finds no port")
	return nil
}

var errTaken = errors.New("the port is taken")

// find returns where nginx is. Debian has it where only root's PATH leads.
func find() (string, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		return exec.LookPath("/usr/sbin/nginx")
	}
	return path, nil
}

func start(t testing.TB, program, text, server string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{Addr: l.Addr().String(), done: make(chan struct{})}
	if err := l.Close(); err != nil {
		return nil, err
	}
	dir := t.TempDir()
	text = strings.NewReplacer("@listen@", p.Addr, "@server@", server).Replace(text)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	// One process, so that ending it ends all. What it tells at this level says when it listens.
	p.cmd = exec.Command(program, "-p", dir, "-c", "nginx.conf", "-g", "daemon off; master_process off; error_log stderr notice;")
	said, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	listens := make(chan struct{})
	go p.read(said, listens)
	select {
	case <-listens:
	case <-p.done:
		if log := p.Log(); !strings.Contains(log, "Address already in use") {
			return nil, errors.New("nginx does not start:\n" + log)
		}
		return nil, errTaken
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("nginx said:\n%s", p.Log())
		}
	})
	return p, nil
}

// read keeps what nginx says until it ends.
func (p *Proxy) read(said io.Reader, listens chan<- struct{}) {
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		p.mu.Lock()
		p.log.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if listens != nil && strings.Contains(lines.Text(), "event method") { // it has its sockets by then
			close(listens)
			listens = nil
		}
	}
	_ = p.cmd.Wait() // it is killed, or says why it ended
	close(p.done)
}

// URL returns the proxy's address for http, without a slash at the end.
func (p *Proxy) URL() string { return "http://" + p.Addr }

// Log returns what nginx has said so far: above all, what went wrong with which request.
func (p *Proxy) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Stop ends nginx at once, with all its connections, and waits for its end. It may
// be called more than once.
func (p *Proxy) Stop() {
	p.stop.Do(func() { _ = p.cmd.Process.Kill() })
	<-p.done
}
