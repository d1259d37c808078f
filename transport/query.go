package transport

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// The query parameters of the transports' addresses. "_" is what programs add so that no
// cache answers.
var (
	knownWebSocket = []string{"channels", "raw", "since", "token"}
	knownStream    = []string{"channels", "since", "token", "_"}
	knownPoll      = []string{"channels", "since", "token", "wait", "_"}
	knownSend      = []string{"session", "token", "_"}
)

// defaultMaxChannels is the hub's own default.
const defaultMaxChannels = 256

// readQuery reads the query: parameters that the address knows, each given once at
// most, but for channels.
func readQuery(r *http.Request, known []string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The query is malformed: a percent-encoding is wrong, or it holds a semicolon.")
	}
	for name, values := range query {
		if !slices.Contains(known, name) {
			return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The query parameter %q is not known here. This address takes %s.", clipName(name), strings.Join(known, ", "))
		}
		if len(values) > 1 && name != "channels" {
			return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The query parameter %s is given more than once.", name)
		}
	}
	return query, nil
}

// readChannels returns the names in the lists, each once, or says why not.
// There may be most of them; negative: any number.
func readChannels(lists []string, most int) ([]string, error) {
	var channels []string
	seen := make(map[string]struct{})
	for _, list := range lists {
		for channel := range strings.SplitSeq(list, ",") {
			if _, again := seen[channel]; again || channel == "" {
				continue
			}
			if err := openline.CheckChannel(channel); err != nil {
				return nil, err
			}
			if most >= 0 && len(channels) == most {
				return nil, problem.New(http.StatusBadRequest, openline.CodeLimit, "There are more than %d channels, the most that a session may have.", most)
			}
			seen[channel] = struct{}{}
			channels = append(channels, channel)
		}
	}
	return channels, nil
}

// clipName bounds what an answer repeats of a request.
func clipName(s string) string {
	const most = 64
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
