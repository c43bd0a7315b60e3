package exposure

// fixOwner comes first where memcached's own options do not apply: a service
// must be known before its configuration can be changed.
func fixOwner(list []Fix, x exposed) []Fix {
	if x.stock {
		return list
	}
	return append(list, Fix{Title: "Find out what this service is and who owns it; run this on the host", Lines: x.listening()})
}
