package report

import (
	"cmp"
	"slices"
)

const (
	maxActions     = 5  // how many changes stand under "fix first"
	maxActionHosts = 12 // how many hosts each of them lists
)

// action is one change that closes findings, and where to make it.
type action struct {
	Worst card // the first finding that it closes
	Count uint64
	Hosts []hostLink
	More  uint64 // hosts that are not in Hosts
}

// hostLink is a finding by its address, and where in the document it is; "" when
// it is not there.
type hostLink struct{ Text, Anchor string }

// actions are the changes that close the worst findings, worst first and then
// by how many they close; left is how many changes are not among them. The
// docket is sorted; of it, the document shows as many findings as shown says.
func (d *docket) actions(shown int) (list []action, left int, err error) {
	groups := d.byRemedy()
	slices.SortStableFunc(groups, func(a, b []int) int {
		x, y := d.list[a[0]], d.list[b[0]]
		return cmp.Or(x.severityRank-y.severityRank, x.verdictRank-y.verdictRank, len(b)-len(a))
	})
	left = max(0, len(groups)-maxActions)
	for _, places := range groups[:len(groups)-left] {
		worst, err := d.get(places[0])
		if err != nil {
			return nil, 0, err
		}
		a := action{Worst: newCard(&worst, places[0]), Count: uint64(len(places))}
		for _, place := range places[:min(maxActionHosts, len(places))] {
			h := d.list[place]
			to := hostLink{Text: say(h.ip.String())}
			if place < shown {
				to.Anchor = anchor(h.id, place)
			}
			a.Hosts = append(a.Hosts, to)
		}
		a.More = a.Count - uint64(len(a.Hosts))
		list = append(list, a)
	}
	return list, left, nil
}

// byRemedy groups what needs doing by the change that does it, as places in
// the order of urgency.
func (d *docket) byRemedy() [][]int {
	var groups [][]int
	number := map[remedyKey]int{}
	for place, h := range d.list {
		if h.idle {
			continue
		}
		n, ok := number[h.remedy]
		if !ok {
			n = len(groups)
			number[h.remedy] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], place)
	}
	return groups
}
