package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/openline/openline/internal/load"
)

const apiKey = "million-key-of-this-run-alone"

// dialect is openline serve, to which a message for everyone is a broadcast.
type dialect struct{ load.Openline }

// AppendPublish implements load.Dialect.
func (d *dialect) AppendPublish(dst []byte, _ int, body []byte) []byte {
	dst = append(dst, "POST /api/broadcast HTTP/1.1\r\nHost: "...)
	dst = append(dst, d.Host...)
	dst = append(dst, "\r\nAuthorization: Bearer "...)
	dst = append(dst, d.Key...)
	return load.AppendBody(dst, "application/json", body)
}

// answer is what a process of clients says to an order.
type answer struct {
	Ready   int            // sessions that are open
	Refused map[string]int `json:",omitempty"` // by what was said
	Error   string         `json:",omitempty"`

	// Of a broadcast.
	Deliveries uint64
	Lost       uint64
	Until      time.Duration // from the request to the last delivery
}

// serveClients is the process of clients of one server. It prints the address of that,
// and does what the lines of its input say: "open N", "broadcast".
func serveClients(address string) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if _, err := load.Descriptors(); err != nil {
		return err
	}
	f, err := load.New(&load.Options{
		Addr:    addr,
		Dialect: &dialect{load.Openline{Host: address, Key: apiKey, Channel: "news", Prefix: "u"}},
	})
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Println(address)
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		order, argument, _ := strings.Cut(in.Text(), " ")
		var a answer
		var err error
		switch order {
		case "open":
			var n int
			if n, err = strconv.Atoi(argument); err == nil {
				err = a.open(f, n)
			}
		case "broadcast":
			err = a.broadcast(f)
		default:
			err = fmt.Errorf("an order that is none: %q", in.Text())
		}
		a.Ready = f.Ready()
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(&a); err != nil {
			return err
		}
	}
	return errors.New("the input has ended")
}

// open opens sessions, more than there are.
func (a *answer) open(f *load.Fleet, sessions int) error {
	opened, err := f.Open(context.Background(), sessions, &load.OpenOptions{InFlight: 64})
	if opened != nil {
		a.Refused = opened.Refused
	}
	return err
}

// broadcast sends one message to all sessions of the server and counts where it
// arrives.
func (a *answer) broadcast(f *load.Fleet) error {
	t, err := f.Publish(context.Background(), &load.Plan{Messages: 1, Settle: 30 * time.Second, Time: time.Minute})
	if t != nil {
		a.Deliveries, a.Lost, a.Until = t.Deliveries, t.Lost, t.Until
		a.Refused = map[string]int{}
		for why, n := range t.Refused {
			a.Refused[why] += int(n)
		}
		for why, n := range t.Cut {
			a.Refused[why] += n
		}
	}
	return err
}
