package auth

import (
	"fmt"
	"strings"

	"github.com/openline/openline"
)

const (
	// MaxChannels is the greatest number of entries in the claim `channels`.
	MaxChannels = 256

	channelsClaim = "channels"
	anyEnd        = "*" // of an entry that is the beginning of a name
)

// Member implements [openline.Membership]: it reports whether the claim
// `channels` has the channel, or a beginning of its name that ends in `*`. It
// looks at [MaxChannels] entries at most and changes nothing, so that any
// goroutine may call it.
func (c *Claims) Member(channel string) bool {
	list, _ := c.All[channelsClaim].([]any)
	for _, v := range list[:min(len(list), MaxChannels)] {
		entry, _ := v.(string)
		if entry == "" {
			continue
		}
		if beginning, ok := strings.CutSuffix(entry, anyEnd); ok {
			if strings.HasPrefix(channel, beginning) {
				return true
			}
		} else if channel == entry {
			return true
		}
	}
	return false
}

var _ openline.Membership = (*Claims)(nil)

// checkChannels says what is wrong with a claim `channels`, or "".
func checkChannels(claim any) string {
	var list []string
	switch claim := claim.(type) {
	case []string:
		list = claim
	case []any:
		for i, v := range claim {
			entry, ok := v.(string)
			if !ok {
				return fmt.Sprintf("entry %d of the token's claim channels is not a string", i+1)
			}
			list = append(list, entry)
		}
	default:
		return "the token's claim channels is not a list of names"
	}
	if len(list) > MaxChannels {
		return fmt.Sprintf("the token's claim channels has %d entries; at most %d are taken, and one may stand for many: room:*", len(list), MaxChannels)
	}
	for i, entry := range list {
		name, many := strings.CutSuffix(entry, anyEnd)
		if many {
			name += "x" // what it may stand for: the end of a name
		}
		if openline.CheckChannel(name) != nil {
			return fmt.Sprintf("entry %d of the token's claim channels is neither a channel's name nor the beginning of one with * behind it", i+1)
		}
	}
	return ""
}
