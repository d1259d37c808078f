package load

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
)

// Target is a server and how to speak with it.
type Target struct {
	Address string // host:port, IPv4
	Raw     bool   // it echoes octets and knows no WebSocket
	Deflate bool   // compression is offered, as browsers do, and has to be accepted
	Browser bool   // the request has the fields that a browser sends
}

const requestKey = "AAECAwQFBgcICQoLDA0ODw=="

// request is the opening request (RFC 6455 §4.1).
func (t Target) request() []byte {
	b := []byte("GET /stream HTTP/1.1\r\nHost: " + t.Address + "\r\n")
	if t.Browser {
		b = append(b, "Connection: Upgrade\r\n"+
			"Pragma: no-cache\r\n"+
			"Cache-Control: no-cache\r\n"+
			"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n"+
			"Upgrade: websocket\r\n"+
			"Origin: http://"+t.Address+"\r\n"+
			"Sec-WebSocket-Version: 13\r\n"+
			"Accept-Encoding: gzip, deflate, br, zstd\r\n"+
			"Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n"+
			"Cookie: session=4f1c2a9d7be84c0f9d5a6e3b; theme=dark\r\n"+
			"Sec-WebSocket-Key: "+requestKey+"\r\n"+
			"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"...)
		return b
	}
	b = append(b, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "+requestKey+"\r\nSec-WebSocket-Version: 13\r\n"...)
	if t.Deflate {
		b = append(b, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"...)
	}
	return append(b, "\r\n"...)
}

// accept is what the answer has to hold (RFC 6455 §4.2.2).
var accept = func() []byte {
	sum := sha1.Sum([]byte(requestKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return []byte(base64.StdEncoding.EncodeToString(sum[:]))
}()

// answered reads what has come of the answer, and reports whether it is whole.
func (t Target) answered(b []byte) (bool, error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > 4096 {
			return false, fmt.Errorf("load: the answer to the opening request does not end")
		}
		return false, nil
	}
	status, _, _ := bytes.Cut(b, []byte("\r\n"))
	switch {
	case !bytes.HasPrefix(status, []byte("HTTP/1.1 101")):
		return false, fmt.Errorf("load: the server answered %q", status)
	case !bytes.Contains(b, accept):
		return false, fmt.Errorf("load: the answer has no Sec-WebSocket-Accept that fits")
	case t.Deflate != bytes.Contains(b, []byte("permessage-deflate")) && !t.Browser:
		return false, fmt.Errorf("load: the server's answer to the offer of compression is not what is measured: %q", b[:end])
	case end+4 != len(b):
		return false, fmt.Errorf("load: the server sent %d octets behind its answer", len(b)-end-4)
	}
	return true, nil
}
