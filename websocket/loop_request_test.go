package websocket

import (
	"bufio"
	"bytes"
	"net/http"
	"reflect"
	"testing"

	"github.com/openline/openline/websocket/http1"
)

// FuzzRequest: a request that is read here is what net/http makes of it.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n",
		"GET /a%20b?c=d&e=%66;g HTTP/1.1\r\nhost: a:80\r\nX: 1\r\nx: 2 \r\nX:\t3\r\nX-:4\r\nconnection: keep-alive, close\r\n\r\n",
		"GET //a/../b HTTP/1.1\r\nHost: [::1]\r\nsec_webSocket!: \xff\r\nCookie: a=b\r\nPragma: no-cache\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
		"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"HEAD /? HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	rules, err := http1.NewRules(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h := rules.Head()
		from, to, ok := h.Scan(b)
		if !ok || to == 0 {
			return
		}
		got := plainRequest(b[from:to])
		if got == nil {
			return
		}
		want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b[from:to])))
		if err != nil {
			t.Fatalf("%q: net/http does not read it: %v", b[from:to], err)
		}
		if got.ContentLength > 0 {
			want.Body = got.Body // which is not for plainRequest to make
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q:\n%+v\nwant\n%+v", b[from:to], got, want)
		}
	})
}
