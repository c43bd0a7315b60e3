package exposure

// fixMemcached gives the options themselves, however memcached is started.
func fixMemcached(x exposed) []Fix {
	if !x.stock {
		return nil
	}
	const where = "memcached's command line"
	var list []Fix
	if options := x.options(); len(options) > 0 {
		list = append(list, Fix{For: "memcached", Title: x.aim(), File: where, Lines: options})
	}
	if x.open {
		list = append(list, Fix{
			For:   "memcached",
			Title: "Ask for credentials, if clients must reach it over a network",
			File:  where,
			Lines: credentials(x),
		})
	}
	if (x.open || x.clear) && x.has(1, 5, 13) {
		list = append(list, Fix{
			For:   "memcached",
			Title: "Encrypt, so that credentials cannot be overheard (a build with TLS)",
			File:  where,
			Lines: []string{"-Z", "-o ssl_chain_cert=/etc/memcached/cert.pem,ssl_key=/etc/memcached/key.pem"},
		})
	}
	return list
}

// credentials are the options that ask for them: a password file since 1.5.15,
// SASL before that. Both refuse to start together with UDP on.
func credentials(x exposed) []string {
	if x.has(1, 5, 15) {
		return []string{"-U 0", "-Y /etc/memcached/auth"}
	}
	return []string{"-U 0", "-S"}
}
