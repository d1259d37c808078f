package openline

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestScanDepth(t *testing.T) {
	for depth, want := range map[int]bool{maxDepth: true, maxDepth + 1: false} {
		for _, s := range []string{
			strings.Repeat("[", depth) + strings.Repeat("]", depth),
			strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth),
		} {
			if _, e := trimJSON([]byte(s)); (e == nil) != want || json.Valid([]byte(s)) != want {
				t.Errorf("%d levels of %c: %v", depth, s[0], e)
			}
		}
	}
}

// The scanner takes what encoding/json takes, UTF-8 excepted, and finds the fault where it does.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, ` {"a":[1,-0.5e+3,true,false,null,"\u00e9\n"]} `, `{"a":1,}`, `[1,,2]`, `"`, `tru`, `-`, `1.`, `1e`, `01`, `"\x"`, "\"\xff\"", `1 2`, ``, "\"\x1f\"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, e := trimJSON(b)
		valid := json.Valid(b) && utf8.Valid(b)
		if (e == nil) != valid {
			t.Fatalf("%q: %v, but encoding/json says %v", b, e, valid)
		}
		if e == nil {
			if string(v) != strings.Trim(string(b), " \t\r\n") {
				t.Errorf("%q became %q", b, v)
			}
			return
		}
		var syntax *json.SyntaxError
		if !utf8.Valid(b) || !errors.As(json.Unmarshal(b, new(any)), &syntax) {
			return
		}
		start := skipSpace(b, 0)
		at, want := scanValue(b, start, 0)
		if want == "" {
			at = skipSpace(b, at)
		}
		if theirs := int(syntax.Offset) - 1; at != theirs && at != len(b) {
			t.Errorf("%q: fault at %d, encoding/json at %d: %v", b, at, theirs, syntax)
		}
	})
}
