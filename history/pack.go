package history

import (
	"encoding/json"

	"github.com/klauspost/compress/s2"
)

// pack is v as JSON, packed.
func pack(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s2.EncodeBetter(nil, text), nil
}
