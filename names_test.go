package openline

import (
	"errors"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name                string
		user, channel, kind string // the code of the refusal
	}{
		{"alice", "", "", ""},
		{"A.b_c-d~e@f:9", "", "", ""},
		{"a/b", CodeBadName, "", ""},
		{"@alice", "", CodeReserved, ""},
		{"@*", CodeBadName, CodeReserved, ""},
		{"", CodeBadName, CodeBadName, CodeBadName},
		{strings.Repeat("a", 128), "", "", ""},
		{strings.Repeat("a", 129), CodeBadName, CodeBadName, CodeBadName},
		{"a b", CodeBadName, CodeBadName, ""},
		{"é", CodeBadName, CodeBadName, CodeBadName},
		{"a\x00", CodeBadName, CodeBadName, CodeBadName},
		{"a\xff", CodeBadName, CodeBadName, CodeBadName},
		{"a\n", CodeBadName, CodeBadName, CodeBadName},
		{"a+b", CodeBadName, CodeBadName, ""},
		{"sys:x", "", "", CodeBadName},
		{".", CodeBadName, CodeBadName, ""},
		{"..", CodeBadName, CodeBadName, ""},
		{"...", "", "", ""},
		{"../users/bob", CodeBadName, CodeBadName, ""},
		{"a/./b", CodeBadName, CodeBadName, ""},
		{"a/..", CodeBadName, CodeBadName, ""},
		{"a/.b", CodeBadName, "", ""},
	} {
		for _, check := range []struct {
			what string
			err  error
			code string
		}{
			{"user", CheckUser(c.name), c.user},
			{"channel", CheckChannel(c.name), c.channel},
			{"type", CheckType(c.name), c.kind},
		} {
			e, _ := errors.AsType[*Error](check.err)
			switch {
			case check.code == "" && check.err != nil:
				t.Errorf("%s %q: %v", check.what, c.name, check.err)
			case check.code != "" && (e == nil || e.Code != check.code):
				t.Errorf("%s %q: %v, want %s", check.what, c.name, check.err, check.code)
			}
		}
	}
	if err := CheckChannel("a b"); !contains(err.Error(), "openline: ", "1 to 128 bytes of A-Z a-z 0-9 . _ - ~ @ : /", "byte 1 of") {
		t.Error(err)
	}
}
