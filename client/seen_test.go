package client

import (
	"strconv"
	"testing"
)

func TestSeen(t *testing.T) {
	var s seen
	if !s.add("x", "chat:x") || s.add("x", "chat:x") {
		t.Error("an id is new once")
	}
	s.remove("x")
	if !s.add("x", "chat:x") {
		t.Error("what was removed is new")
	}
	s.forget("chat:y")
	if s.add("x", "chat:x") {
		t.Error("another channel was forgotten")
	}
	s.forget("chat:x")
	for n := range remembered - 3 {
		s.add(strconv.Itoa(n), "chat:y")
	}
	if !s.add("x", "chat:x") {
		t.Error("what was forgotten is new")
	}
	for n := range remembered - 1 {
		if !s.add("again "+strconv.Itoa(n), "chat:y") || s.add("x", "chat:x") {
			t.Fatal("forgotten too early, after", n)
		}
	}
	if s.add("one more", "chat:y"); !s.add("x", "chat:x") {
		t.Error("remembered too long")
	}
	if len(s.ids) > remembered {
		t.Error("it grows")
	}
}
