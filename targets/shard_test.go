package targets

import "testing"

func TestShardText(t *testing.T) {
	for _, want := range []Shard{{1, 1}, {3, 4}} {
		text, err := want.MarshalText()
		var got Shard
		if err == nil {
			err = got.UnmarshalText(text)
		}
		if err != nil || got != want {
			t.Errorf("%v came back from %q as %v, %v", want, text, got, err)
		}
	}
}
