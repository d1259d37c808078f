package websocket

import (
	"context"
	"testing"
	"time"
)

type contextKey string

// TestWithoutCancel: a handler's context has all values of its request's, but keeps
// nothing of what has only to do with cancelling around them.
func TestWithoutCancel(t *testing.T) {
	root := context.WithValue(t.Context(), contextKey("root"), 1)
	inner, cancelInner := context.WithCancel(root)
	between := context.WithValue(inner, contextKey("between"), 2)
	outer, cancelOuter := context.WithCancel(between)
	outermost, cancelOutermost := context.WithCancel(outer)
	timed, cancelTimed := context.WithTimeout(outermost, time.Hour)
	defer cancelTimed()
	for _, ctx := range []context.Context{outermost, timed} {
		values := withoutCancel(ctx)
		for key, want := range map[contextKey]any{"root": 1, "between": 2, "other": nil} {
			if got := values.Value(key); got != want {
				t.Errorf("the value of %q is %v, want %v", key, got, want)
			}
		}
	}
	values := withoutCancel(outermost)
	if parent, ok := embedded(outer); !ok || parent != between {
		t.Errorf("the context in a cancellable one is %v, %v", parent, ok)
	}
	cancelOutermost()
	cancelOuter()
	cancelInner()
	if values.Err() != nil || values.Done() != nil {
		t.Errorf("the context ends: %v, %v", values.Err(), values.Done())
	}
	if parent, ok := embedded(context.Background()); ok {
		t.Errorf("the background has the context %v in it", parent)
	}
}
