package echo

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/openline/openline/websocket"
)

// compression makes settings of the offer that a client is to make: the value of
// its Sec-WebSocket-Extensions (RFC 7692 §7.1). "" and "off" are none.
//
// What package websocket offers says as much as that text, though not always in
// the same words: the largest window goes without saying, and behind a wish for a
// small window it adds that not to keep one would do too.
func compression(offer string) (*websocket.Compression, error) {
	if offer == "" || offer == "off" {
		return nil, nil
	}
	c := generous()
	name, params, _ := strings.Cut(offer, ";")
	if strings.TrimSpace(name) != "permessage-deflate" || strings.Contains(offer, ",") {
		return nil, fmt.Errorf("the offer %.80q cannot be made, only one of permessage-deflate", offer)
	}
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		err := error(nil)
		switch strings.TrimSpace(name) {
		case "":
		case "server_no_context_takeover":
			c.PeerNoContextTakeover = true
		case "client_no_context_takeover":
			c.NoContextTakeover = true
		case "server_max_window_bits":
			err = number(&c.PeerWindowBits, strings.Trim(value, ` "`), 8, 15)
		case "client_max_window_bits":
			if c.WindowBits = 15; value != "" {
				err = number(&c.WindowBits, strings.Trim(value, ` "`), 8, 15)
			}
		default:
			err = strconv.ErrSyntax
		}
		if err != nil {
			return nil, fmt.Errorf("the parameter %.80q of an offer: %w", param, err)
		}
	}
	return c, nil
}
