package mutant

import (
	"slices"
	"strings"
)

// chooseSubprotocol answers the first subprotocol that is known.
func (s *session) chooseSubprotocol(q *request) (string, *refusal) {
	lines := q.fields.all("Sec-WebSocket-Protocol")
	if len(lines) == 0 {
		if s.breaks("WS-4.2-19/unasked") {
			return "v1.chat", nil
		}
		return "", nil
	}
	if s.breaks("WS-4.2-20") {
		lines = lines[:1]
	}
	list := elements(lines)
	if s.breaks("WS-4.2-21/empty") {
		list = strings.Split(strings.Join(lines, ","), ",")
	}
	if len(list) == 0 && !s.breaks("WS-4.2-21") {
		return "", refuse(400, "the list of subprotocols is empty")
	}
	for _, name := range list {
		if !isToken(name) && !s.breaks("WS-4.2-21") {
			return "", refuse(400, "a subprotocol is not a token")
		}
	}
	return s.pick(list), nil
}

func (s *session) pick(list []string) string {
	switch {
	case s.breaks("WS-4.2-19"), s.breaks("WS-4.2-21/twice"):
		return strings.Join(list, ", ")
	case s.breaks("WS-4.2-19/unknown"), s.breaks("BR-02"):
		return list[0]
	case s.breaks("BR-02/known"):
		return ""
	}
	for _, name := range list {
		if s.breaks("WS-4.2-19/case") {
			name = strings.ToLower(name)
		}
		if slices.Contains([]string{"v1.chat", "v2.chat"}, name) {
			return name
		}
	}
	return ""
}
