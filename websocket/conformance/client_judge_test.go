package conformance

import (
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + file)
	}
	return roots, nil
}

func TestWrongAccepts(t *testing.T) {
	names := acceptNames(baseKey)
	for how, want := range map[string]string{
		"{accept}": "Bz3qJYTGdOe8gUSpLosEdiLKDrk=", "{accept lower}": "bz3qjytgdoe8gusplosedilkdrk=", "{accept unpadded}": "Bz3qJYTGdOe8gUSpLosEdiLKDrk",
		"{accept decoded}": "Ms8LTtp8BbKeX7qA4TBWy9j4mOs=", "{accept bare}": "oBbYbxIbKXRZhoJ2zEzYy458+YU=",
		"{accept hex}": "073dea2584c674e7bc8144a92e8b047622ca0eb9",
	} {
		if got := strings.NewReplacer(names...).Replace(how); got != want {
			t.Errorf("%s is %s, want %s", how, got, want)
		}
	}
}

func TestJudgePauses(t *testing.T) {
	ms := func(list ...int) (pauses []time.Duration) {
		for _, n := range list {
			pauses = append(pauses, time.Duration(n)*time.Millisecond)
		}
		return pauses
	}
	for _, c := range []struct {
		pauses []time.Duration
		want   string
	}{
		{ms(5, 11, 30, 70, 120, 20, 90, 155, 60, 10, 33, 140, 71, 99, 12, 150, 42, 80), ""},
		{ms(0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 2, 0, 1, 0), "do not grow"},
		{ms(9, 3, 8, 7, 2, 1, 9, 6, 5, 3, 4, 8, 2, 9, 1, 3, 7, 5), "do not grow"},
		{ms(10, 20, 40, 80, 160, 160, 160, 161, 160, 160, 190, 160, 160, 260, 161, 160, 160, 175), "not random"},
		{ms(5, 11, 30, 70, 120, 200, 400, 800, 1600, 3200, 9, 9, 9, 9, 9, 9, 9, 9), "the pause before attempt 9 was 1.6s"},
	} {
		err := judgePauses(c.pauses, 10*time.Millisecond, 160*time.Millisecond, time.Second)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: %v, want %q", c.pauses, err, c.want)
		}
	}
}

// TestSameOffer skips cases that a client's own offer turns into others.
func TestSameOffer(t *testing.T) {
	for _, c := range []struct {
		asked, offer, answer string
		same                 bool
	}{
		{"permessage-deflate", "permessage-deflate", "permessage-deflate; client_max_window_bits=15", true},
		{"permessage-deflate", "permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=15", false},
		{"permessage-deflate", "permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=9", true},
		{"permessage-deflate;client_max_window_bits=10", "permessage-deflate; client_max_window_bits=10", "permessage-deflate", true},
		{"permessage-deflate;client_max_window_bits=10", "permessage-deflate; client_max_window_bits", "permessage-deflate", false},
		{"permessage-deflate;client_no_context_takeover", "permessage-deflate", "permessage-deflate", false},
		{"permessage-deflate;server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10, permessage-deflate; server_no_context_takeover", "permessage-deflate", true},
		{"permessage-deflate;server_max_window_bits=10", "permessage-deflate", "permessage-deflate", false},
		{"permessage-deflate", "", "permessage-deflate", false},
		{"", "permessage-deflate", "permessage-deflate", true},
	} {
		p := &play{c: &Case{Client: true}, got: &head{}}
		if c.asked != "" {
			p.c.Knobs = []Knob{{"deflate", c.asked}}
		}
		if c.offer != "" {
			p.got.fields = []field{{"Sec-WebSocket-Extensions", c.offer}}
		}
		if err := p.sameOffer(c.answer); (err == nil) != c.same {
			t.Errorf("asked %q, offers %q, answer %q: %v", c.asked, c.offer, c.answer, err)
		}
	}
}
