package api

import (
	"encoding/json"
	"testing"

	"github.com/openline/openline"
)

// A receipt is what encoding/json makes of the same, whatever the broker calls
// its messages.
func TestReceiptJSON(t *testing.T) {
	for _, got := range []openline.Receipt{
		{},
		{ID: "1k2f3-42", Delivered: 3},
		{ID: "AZ_az-09", Delivered: 1 << 40, Stored: true, Duplicate: true, Acknowledged: true},
		{ID: "a\"b\\c\n<é>\xff\u2028"},
		{ID: "[`{@"},
	} {
		want, err := json.Marshal(struct {
			ID           string `json:"id"`
			Delivered    int    `json:"delivered"`
			Stored       bool   `json:"stored"`
			Duplicate    bool   `json:"duplicate,omitempty"`
			Acknowledged bool   `json:"acknowledged,omitempty"`
		}(got))
		if err != nil {
			t.Fatal(err)
		}
		if text := string(appendReceipt([]byte("x"), got, got.Acknowledged)); text != "x"+string(want)+"\n" {
			t.Errorf("%s, want %s", text, want)
		}
	}
}
