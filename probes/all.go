package probes

// All is every probe that memsweep knows, in the order that a plan lists them.
func All() []Probe {
	return []Probe{MemcachedUDP(), MemcachedTCP()}
}

// ByName finds a probe of All by its name.
func ByName(name string) (Probe, bool) {
	for _, p := range All() {
		if p.Name == name {
			return p, true
		}
	}
	return Probe{}, false
}
