package conformance

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Steps about the request, and about what a client makes of the response.

// wrongAccepts are values of Sec-WebSocket-Accept as they come out where the
// computation is wrong.
var wrongAccepts = map[string]func(key string) string{
	"lower":    func(key string) string { return strings.ToLower(acceptValue(key)) },
	"unpadded": func(key string) string { return strings.TrimRight(acceptValue(key), "=") },
	"bare":     sum64,
	"other":    func(string) string { return acceptValue(baseKey) },
	"decoded": func(key string) string {
		octets, _ := base64.StdEncoding.DecodeString(key) // the key has been judged
		return sum64(string(octets) + acceptGUID)
	},
	"hex": func(key string) string {
		sum := sha1.Sum([]byte(key + acceptGUID))
		return hex.EncodeToString(sum[:])
	},
}

// acceptNames are the names that a response can have of the right value and of
// wrong ones.
func acceptNames(key string) []string {
	list := []string{"{key}", key, "{accept}", acceptValue(key)}
	for how, wrong := range wrongAccepts {
		list = append(list, "{accept "+how+"}", wrong(key))
	}
	return list
}

// expectFirst is "field NAME" behind first.
func expectFirst(_ *Case, rest string) (stepFunc, error) {
	name, ok := strings.CutPrefix(rest, "field ")
	if !ok {
		return nil, fmt.Errorf("first field NAME, not %q", rest)
	}
	return func(p *play) error {
		if p.got == nil || len(p.got.fields) == 0 || !strings.EqualFold(p.got.fields[0].name, name) {
			return fmt.Errorf("another field stands in front of it")
		}
		return nil
	}, nil
}

// expectList is NAME: A, B.
func expectList(_ *Case, rest string) (stepFunc, error) {
	name, want, ok := strings.Cut(rest, ":")
	if !ok {
		return nil, fmt.Errorf("a list is written NAME: A, B, not %q", rest)
	}
	split := func(s string) (list []string) {
		for e := range strings.SplitSeq(s, ",") {
			if e = strings.Trim(e, " \t"); e != "" {
				list = append(list, e)
			}
		}
		return list
	}
	return func(p *play) error {
		if p.got == nil {
			return errors.New("there is no message yet")
		}
		got := split(strings.Join(p.got.values(name), ","))
		if !slices.Equal(got, split(plainText(p.expand(want)))) {
			return fmt.Errorf("got %q", got)
		}
		return nil
	}, nil
}

// expectGivesUp has the client end the connection without another octet. The
// suite does not help with a Ping, as it does for dial-error.
func expectGivesUp(_ *Case, rest string) (stepFunc, error) {
	if rest != "up" {
		return nil, fmt.Errorf("gives up, not gives %s", rest)
	}
	return func(p *play) error {
		switch err := p.w.await(p.deadline(0), something); err {
		case nil:
			return fmt.Errorf("the client sent %s", short(p.w.waiting()))
		case errTimeout:
			return errors.New("the client goes on waiting")
		}
		return nil
	}, nil
}

// makeEndless sends the same octets again and again, in the background.
func makeEndless(_ *Case, rest string) (stepFunc, error) {
	var every time.Duration
	if after, ok := strings.CutPrefix(rest, "every "); ok {
		text, atoms, _ := strings.Cut(after, " ")
		var err error
		if every, err = time.ParseDuration(text); err != nil {
			return nil, err
		}
		rest = atoms
	}
	b, err := parseAtoms(rest)
	if err == nil && len(b) == 0 {
		err = errors.New("which octets?")
	}
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		block := b
		if every == 0 {
			block = []byte(strings.Repeat(string(b), max(1, 4096/len(b))))
		}
		w := p.w
		p.rec.add(Event{Conn: w.n, Sent: true, Kind: Octets, Octets: b, What: "and again, without end"})
		w.do(func() {
			for w.write(block, 0, 0) {
				select {
				case <-time.After(every):
				case <-p.ctx.Done():
					return
				}
			}
		})
		return nil
	}, err
}

// expectRefusal is a status, or what the client knows besides it.
func expectRefusal(_ *Case, rest string) (stepFunc, error) {
	word, want, _ := strings.Cut(rest, " ")
	var low, high int
	switch word {
	case "versions", "why":
	case "body":
		var err error
		if low, high, err = parseRange(want); err != nil {
			return nil, err
		}
	default:
		if _, err := strconv.Atoi(rest); err != nil {
			return nil, fmt.Errorf("a refusal has a status, versions, why and a body, not %q", rest)
		}
		word, want = "status", rest
	}
	return func(p *play) error {
		s, err := p.seen()
		if err != nil {
			return err
		}
		got := s.told.Get(word)
		if word == "body" {
			if n, err := strconv.Atoi(got); err != nil || n < low || n > high {
				return fmt.Errorf("it was given %q octets of the body", got)
			}
			return nil
		}
		if got != want {
			return fmt.Errorf("it says %s: %q", word, got)
		}
		return nil
	}, nil
}

// alternative is how "or X" and "~X" are read: X instead of what is expected,
// always or in interop mode only.
func (p *play) alternative(tolerated bool, what string) error {
	if tolerated && p.run.o.Strict {
		return errors.New(what)
	}
	if tolerated {
		p.tolerate("%s", what)
	}
	return errDone
}

// sameOffer skips a case for which the client does not offer what it was asked
// to, if that makes the answer mean something else.
func (p *play) sameOffer(answer string) error {
	asked := ""
	for _, k := range p.c.knobs(ClientActor) {
		if k.Name == "deflate" && k.Value != "off" {
			asked = k.Value
		}
	}
	if asked == "" {
		return nil
	}
	offer := strings.Join(p.got.values("Sec-WebSocket-Extensions"), ", ")
	_, askedErr := judgeAnswer(asked, answer)
	_, offerErr := judgeAnswer(offer, answer)
	if (askedErr == nil) != (offerErr == nil) || !hinted(asked, offer) {
		return skipped{fmt.Sprintf("the client offers %q instead of %q", offer, asked)}
	}
	return nil
}

// hinted reports whether an offer says as much as was asked for about what the
// client itself will do.
func hinted(asked, offer string) bool {
	want, err := parseExtensions(asked)
	if err != nil || len(want) != 1 {
		return true
	}
	hint, err := want[0].parseDeflate()
	if err != nil {
		return true
	}
	list, _ := parseExtensions(offer)
	return slices.ContainsFunc(list, func(e extension) bool {
		o, err := e.parseDeflate()
		return err == nil && e.name == permessageDeflate &&
			(o.clientNoTakeover || !hint.clientNoTakeover) && (hint.clientBits <= 0 || o.clientBits == hint.clientBits)
	})
}
