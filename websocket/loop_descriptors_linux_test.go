package websocket_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// inChild runs a test in a process of its own, whose limits it may lower. It
// reports whether this is that process.
func inChild(t *testing.T) bool {
	t.Helper()
	if os.Getenv("OPENLINE_TEST_CHILD") == t.Name() {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), "OPENLINE_TEST_CHILD="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// limitFiles has the process open no descriptor that is n or more.
func limitFiles(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = min(n, limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
}

// toldWriter is a log's destination that says when there was a line.
type toldWriter chan string

func (w toldWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

// TestServerOutOfDescriptors: connections that cannot be accepted wait until they
// can be.
func TestServerOutOfDescriptors(t *testing.T) {
	if !inChild(t) {
		return
	}
	told := make(toldWriter, 100)
	o := &websocket.ServerOptions{}
	o.Logger = slog.New(slog.NewTextHandler(told, nil))
	s, err := websocket.NewServer(echoes, o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := l.Addr().(*net.TCPAddr)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	wstest.Connect(t, "ws://"+addr.String()).Close() // it serves
	const clients = 5
	var files [clients]*os.File
	for i := range files {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[i] = os.NewFile(uintptr(fd), "client")
	}
	limitFiles(t, 1)
	for _, f := range files {
		to := &syscall.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())}
		if err := syscall.Connect(int(f.Fd()), to); err != nil {
			t.Fatal(err)
		}
	}
	<-told
	limitFiles(t, 1000)
	for _, f := range files {
		if _, err := io.WriteString(f, upgradeRequest(addr.String())); err != nil {
			t.Fatal(err)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(f), nil); err != nil || resp.StatusCode != 101 {
			t.Error(resp, err)
		}
		_ = f.Close()
	}
	if len(told) > 0 {
		t.Error("it was said again:", <-told)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.Shutdown(ctx)
	<-served
}

// TestLoopOutOfDescriptors: a connection that the loop cannot have a descriptor
// for is driven by a goroutine.
func TestLoopOutOfDescriptors(t *testing.T) {
	if !inChild(t) {
		return
	}
	loop, err := websocket.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	p, c := wstest.Listen(t).Dial(nil)
	limitFiles(t, 1)
	closed := make(chan *websocket.CloseError, 1)
	_, err = loop.Attach(c, loopEcho{closed})
	limitFiles(t, 1000)
	if err != nil {
		t.Fatal(err)
	}
	p.SendMessage(websocket.Text, []byte("Hello"))
	p.ExpectText("Hello")
	p.SendClose(1000, "")
	p.ExpectClose(1000)
	p.Close()
	if e := <-closed; e.Code != 1000 {
		t.Error(e)
	}
	if err := loop.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
