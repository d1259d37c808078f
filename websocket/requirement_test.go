package websocket_test

import (
	"encoding/json"
	"os"
	"testing"
)

// The requirements on a WebSocket endpoint are listed in
// testdata/requirements.json. Each has a test, registered under its id in one
// of the files requirement_*_test.go; TestRequirement/<id> runs it.

// requirementItem is one line of the list.
type requirementItem struct {
	ID    string `json:"id"`
	Group string `json:"group"` // the section it comes from
	Actor string `json:"actor"` // the side it binds: server, client or both
	Level string `json:"level"` // MUST, SHOULD or hardening; all are met here
}

var requirements = map[string]func(*testing.T){}

// requirement registers the test of one requirement. The test may call
// t.Parallel, unless it measures memory.
func requirement(id string, test func(t *testing.T)) {
	if requirements[id] != nil {
		panic("requirement " + id + " has two tests")
	}
	requirements[id] = test
}

func TestRequirement(t *testing.T) {
	b, err := os.ReadFile("testdata/requirements.json")
	if err != nil {
		t.Fatal(err)
	}
	var items []requirementItem
	if err := json.Unmarshal(b, &items); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, item := range items {
		if listed[item.ID] {
			t.Fatalf("%s is listed twice", item.ID)
		}
		listed[item.ID] = true
		t.Run(item.ID, func(t *testing.T) {
			test := requirements[item.ID]
			if test == nil {
				t.Fatalf("no test for this requirement (%s, %s)", item.Actor, item.Level)
			}
			t.Cleanup(func() {
				if t.Skipped() {
					t.Error("no requirement is skipped")
				}
			})
			test(t)
		})
	}
	for id := range requirements {
		if !listed[id] {
			t.Errorf("the test of %s is for no listed requirement", id)
		}
	}
}
