package api

import (
	"reflect"
	"testing"
)

// FuzzEntry holds the plain reading of a line to the thorough one.
func FuzzEntry(f *testing.F) {
	for _, line := range []string{
		`{"to":"alice","data":{"n": 1}}`,
		`{"data" : [1, "}],{", {"a":"\"}"}] , "channel" : "a/b" , "type":"said","key":"k" }`,
		`{"all":true}`,
		`{"all":true,"data":tru}`,
		`{"all":truex}`,
		`{"all":false}`,
		`{"to":"a","all":true}`,
		`{"to":"a","to":"b"}`,
		`{"TO":"alice"}`,
		`{"to":"\u0061"}`,
		`{"to":"é","data":"é"}`,
		`{"to":null,"channel":"a"}`,
		`{"to":"","type":"","key":""}`,
		`{"to":"alice","data":1,}`,
		`{"to":"alice","data":}`,
		`{"to":"alice","data":1} 2`,
		`{"to":"alice","data":1]}`,
		`{"to":"alice","data":1 2}`,
		`{"to":"alice","data":"a` + "\x00" + `"}`,
		`{"to":"alice","data":"` + "\xff" + `"}`,
		`{"to":"alice"}}`,
		`{`, `{}`, `[]`, ``, `{"to"`, `{"to":`, `{"to":"a`, `{"data":"\`, `{"data":{"\`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		plain, ok := scanEntry(line)
		if !ok {
			return
		}
		thorough, err := decodeEntry(line)
		if err != nil {
			t.Fatalf("%q: %+v, but: %v", line, plain, err)
		}
		if string(plain.data) != string(thorough.data) {
			t.Errorf("%q: data %q, not %q", line, plain.data, thorough.data)
		}
		plain.data, thorough.data = nil, nil
		if !reflect.DeepEqual(plain, thorough) {
			t.Errorf("%q: %+v, not %+v", line, plain, thorough)
		}
	})
}

// What programs write is read without encoding/json.
func TestScanEntry(t *testing.T) {
	for line, want := range map[string]entry{
		`{"to":"alice","data":{"n": [1, "}"]}}`:                          {target: toUser, name: "alice", data: []byte(`{"n": [1, "}"]}`)},
		`{ "data" : 1 , "channel" : "a/b", "type":"said", "key":"k-1" }`: {target: toChannel, name: "a/b", kind: "said", key: "k-1", data: []byte(`1`)},
		`{"all":true}`: {target: toAll},
	} {
		if got, ok := scanEntry([]byte(line)); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %t", line, got, ok)
		}
	}
}

func BenchmarkEntry(b *testing.B) {
	line := []byte(`{"to":"alice","data":{"text":"hello, alice","n":12345}}`)
	for name, f := range map[string]func([]byte) (entry, error){"parse": parseEntry, "decode": decodeEntry} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f(line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
