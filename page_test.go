package openline

import "testing"

// A gap with nothing behind it is told once: the next page begins there.
func TestHistoryPageAfterAGap(t *testing.T) {
	h := newHub(t, &Options{Namespaces: map[string]Namespace{"none": {History: History{None: true}}}})
	since := publish(t, h, "none:1", 1)
	last := publish(t, h, "none:1", 2)
	page, err := h.History("none:1", since, 0)
	if err != nil || page.Gap == nil || page.Gap.After != since || page.Gap.Reason != GapNoHistory || page.Cursor != last {
		t.Errorf("%s, %v", page.JSON(), err)
	}
	page, err = h.History("none:1", page.Cursor, 0)
	if err != nil || page.Gap != nil || page.Cursor != last {
		t.Errorf("%s, %v", page.JSON(), err)
	}
	first, err := h.History("none:1", "", 0)
	if err != nil || first.Gap != nil || first.Cursor != last {
		t.Errorf("%s, %v", first.JSON(), err)
	}
}
