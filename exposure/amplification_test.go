package exposure

import (
	"math"
	"slices"
	"testing"
)

// Payload sizes measured on real servers on loopback, over IPv4.
func TestAmplify(t *testing.T) {
	full := func(n, last int) []int { return append(slices.Repeat([]int{1400}, n), last) }
	tests := []struct {
		name    string
		request int
		replies []int
		v6      bool
		want    Ratios
	}{
		{"1.6.18 version", 17, []int{24}, false, Ratios{BAF: 1.41, PAF: 1, IP: 1.16, Wire: 1.1}},
		{"1.6.18 stats", 15, full(1, 837), false, Ratios{BAF: 149.13, PAF: 2, IP: 53.33, Wire: 38.68}},
		{"1.6.18 stats over IPv6", 15, full(1, 837), true, Ratios{BAF: 149.13, PAF: 2, IP: 37.03, Wire: 30.66}},
		{"1.6.18 stats settings", 24, full(1, 508), false, Ratios{BAF: 79.5, PAF: 2, IP: 37.77, Wire: 30.18}},
		{"1.6.18 stats, 1000 items", 15, full(1, 864), false, Ratios{BAF: 150.93, PAF: 2, IP: 53.95, Wire: 39.13}},
		{"1.6.18 stats items, 39 slab classes", 21, full(23, 1011), false, Ratios{BAF: 1581.48, PAF: 24, IP: 691.49, Wire: 543.16}},
		{"1.6.18 stats slabs, 39 slab classes", 21, full(9, 950), false, Ratios{BAF: 645.24, PAF: 10, IP: 282.24, Wire: 221.75}},
		{"1.6.18 unknown command", 14, []int{15}, false, Ratios{BAF: 1.07, PAF: 1, IP: 1.02, Wire: 1}},
		{"1.4.5 stats", 15, []int{791}, false, Ratios{BAF: 52.73, PAF: 1, IP: 19.05, Wire: 13.88}},
		{"no answer", 15, nil, false, Ratios{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Amplify(tt.request, tt.replies, tt.v6); got != tt.want {
				t.Errorf("Amplify(%d, %v, %t) = %+v, want %+v", tt.request, tt.replies, tt.v6, got, tt.want)
			}
		})
	}
}

func TestCeilingBAF(t *testing.T) {
	tests := []struct {
		itemSizeMax uint64
		want        float64
	}{
		{1 << 20, 70304.93}, // the default
		{128 << 20, 8999270.8},
		{1024, 66.53},
		{0, 2.27}, // nothing fits: the reply is its envelope
		{60, 2.27},
	}
	for _, tt := range tests {
		if got := CeilingBAF(tt.itemSizeMax); math.Abs(got-tt.want) > 0.5 {
			t.Errorf("CeilingBAF(%d) = %v, want %v", tt.itemSizeMax, got, tt.want)
		}
	}
	if got := CeilingBAF(math.MaxUint64); math.IsInf(got, 0) || math.IsNaN(got) {
		t.Errorf("CeilingBAF(MaxUint64) = %v, want a number", got)
	}
}
