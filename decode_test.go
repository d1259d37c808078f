package openline

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestDecode(t *testing.T) {
	type point struct {
		X int8 `json:"x"`
		Y *int `json:"y"`
	}
	type shape struct {
		Name   string         `json:"name"`
		Points []point        `json:"points"`
		Tags   map[string]any `json:"tags"`
		At     time.Time      `json:"at"`
	}
	good, err := Decode[shape](&Message{Data: []byte(`{"name":"a","points":[{"x":1,"y":2}],"tags":{"b":[]},"at":"2026-11-22T10:15:30Z"}`)})
	if err != nil || good.Name != "a" || *good.Points[0].Y != 2 || good.At.Year() != 2026 {
		t.Errorf("%+v %v", good, err)
	}
	for _, c := range []struct{ data, want string }{
		{`{"name":7}`, `data.name at byte 8 (line 1, column 9) must be string, found a number`},
		{`{"name": true }`, `data.name at byte 9 (line 1, column 10) must be string, found a boolean`},
		{`{"name":{"a":1}}`, `data.name at byte 8 (line 1, column 9) must be string, found an object`},
		{`{"name":["a","b"]}`, `data.name at byte 8 (line 1, column 9) must be string, found an array`},
		{`{"name":[]}`, `data.name at byte 8 (line 1, column 9) must be string, found an array`},
		{`{"name":{ }}`, `data.name at byte 8 (line 1, column 9) must be string, found an object`},
		{`{"points":"no"}`, `data.points at byte 10 (line 1, column 11) must be []openline.point, found a string`},
		{"{\"points\":[\n {\"x\":1},\n {\"x\":\"1\"}]}", `data.points.x at byte 28 (line 3, column 7) must be int8, found a string`},
		{`{"points":[{"x":300}]}`, `data.points.x at byte 16 (line 1, column 17) must be int8, found number 300`},
		{`{"points":[{"x":1.5}]}`, `data.points.x at byte 16 (line 1, column 17) must be int8, found number 1.5`},
		{`{"points":[{"z":1}]}`, `data has the field "z" at byte 12 (line 1, column 13), which openline.shape does not have`},
		{`{"tags":{"z":1},"z":1}`, `data has the field "z", which openline.shape does not have`},
		{`[1]`, `data at byte 0 (line 1, column 1) must be openline.shape, found an array`},
		{`"x"`, `data at byte 0 (line 1, column 1) must be openline.shape, found a string`},
		{`{"at":"yesterday"}`, `data is no openline.shape: parsing time`},
	} {
		v, err := Decode[shape](&Message{Data: []byte(c.data)})
		if err == nil || !strings.HasPrefix(err.Error(), "openline: "+c.want) || err.(*Error).Code != CodeBadRequest || v.Name != "" || v.Points != nil {
			t.Errorf("%s\n got %v\nwant %s", c.data, err, c.want)
		}
	}
	if _, err := Decode[int](&Request{}); err == nil || !strings.Contains(err.Error(), `"data" is missing: expected int`) {
		t.Error(err)
	}
	if v, err := Decode[any](&Message{}); v != nil || err != nil {
		t.Error(v, err)
	}
	if _, err := Decode[*shape](&Message{Data: []byte(`3`)}); err == nil {
		t.Error("no error")
	}
}

// An error of Decode never points outside of the data.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":"x"}],"c":{"d":1}}`))
	f.Add([]byte(`[[1],{"a":[]}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, e := trimJSON(b)
		if e != nil {
			return
		}
		type inner struct {
			B int
			C []bool
		}
		type outer struct {
			A []inner
			C map[string]inner
			D json.Number
			E *outer
		}
		_, _ = Decode[outer](&Message{Data: v})
		_, _ = Decode[[][]int](&Message{Data: v})
		_, _ = Decode[string](&Message{Data: v})
	})
}
