package handshake_test

import (
	"strings"
	"testing"

	"github.com/openline/openline/websocket/internal/handshake"
)

// settings makes settings of any number.
func settings(n uint16) handshake.DeflateSettings {
	bits := func(n uint16) int {
		if n %= 9; n == 8 {
			return 0
		}
		return 8 + int(n)
	}
	return handshake.DeflateSettings{Bits: bits(n), PeerBits: bits(n / 9), NoTakeover: n/81&1 == 1, PeerNoTakeover: n/162&1 == 1}
}

// Whatever both ends want, they agree, and each knows the same.
func TestDeflateAgreement(t *testing.T) {
	for c := range uint16(9 * 9 * 4) {
		for s := c % 5; s < 9*9*4; s += 5 {
			client, server := settings(c), settings(s)
			offers, err := handshake.ParseExtensions([]string{handshake.OfferDeflate(&client)})
			if err != nil {
				t.Fatal(err)
			}
			theirs, answer := handshake.AcceptDeflate(offers, &server)
			if theirs == nil {
				t.Fatalf("%+v declines the offer of %+v", server, client)
			}
			list, err := handshake.ParseExtensions([]string{answer})
			if err != nil || len(list) != 1 {
				t.Fatalf("the answer is %q", answer)
			}
			ours, err := handshake.CheckDeflate(list, &client)
			if err != nil {
				t.Fatalf("%q answered %q: %v", handshake.OfferDeflate(&client), answer, err)
			}
			agree(t, answer, ours, theirs)
			agree(t, answer, theirs, ours)
		}
	}
}

// agree checks that the one end keeps at least the window that the other refers
// to.
func agree(t *testing.T, answer string, from, to *handshake.DeflateTerms) {
	t.Helper()
	if from.SendTakeover && !to.ReceiveTakeover || from.SendBits > to.ReceiveBits || from.SendBits < 8 || to.ReceiveBits > 15 {
		t.Fatalf("%q: %+v sends, %+v receives", answer, *from, *to)
	}
}

// FuzzDeflateNegotiation: any offer is answered within what it allows, which a
// client with that offer would find out; any answer is judged without a panic, and
// one that is taken keeps the settings.
func FuzzDeflateNegotiation(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits", uint16(4))
	f.Add("permessage-deflate; server_max_window_bits=10; server_no_context_takeover, permessage-deflate", uint16(99))
	f.Add("permessage-deflate; client_no_context_takeover; client_max_window_bits=\"1\\0\"", uint16(200))
	f.Fuzz(func(t *testing.T, field string, n uint16) {
		list, err := handshake.ParseExtensions([]string{field})
		if err != nil {
			return
		}
		s := settings(n)
		if terms, answer := handshake.AcceptDeflate(list, &s); terms != nil {
			again, err := handshake.ParseExtensions([]string{answer})
			if err != nil || len(again) != 1 || again[0].Name != handshake.Deflate || !strings.Contains(field, handshake.Deflate) {
				t.Fatalf("%q is answered %q", field, answer)
			}
			if limit := s.Bits; limit > 0 && terms.SendBits > limit || s.NoTakeover && terms.SendTakeover || s.PeerNoTakeover && terms.ReceiveTakeover {
				t.Fatalf("%+v takes %+v", s, *terms)
			}
			if s.PeerBits > 0 && terms.ReceiveBits > s.PeerBits && terms.ReceiveTakeover {
				t.Fatalf("%+v keeps the window of %+v", s, *terms)
			}
			for _, p := range again[0].Params {
				if p.Name == "client_max_window_bits" && (!p.HasValue || !strings.Contains(field, p.Name)) {
					t.Fatalf("%q is answered %q", field, answer)
				}
			}
		}
		if terms, err := handshake.CheckDeflate(list, &s); err == nil && terms != nil {
			if s.Bits > 0 && terms.SendBits > s.Bits || s.NoTakeover && terms.SendTakeover || s.PeerNoTakeover && terms.ReceiveTakeover {
				t.Fatalf("%+v takes %+v", s, *terms)
			}
			if s.PeerBits > 0 && terms.ReceiveBits > s.PeerBits && terms.ReceiveTakeover {
				t.Fatalf("%+v keeps the window of %+v", s, *terms)
			}
		}
	})
}
