package exposure

// fixMemcached gives the options themselves, however memcached is started.
func fixMemcached(list []Fix, x exposed) []Fix {
	if !x.stock {
		return list
	}
	others := len(list)
	if options := x.options(); len(options) > 0 {
		list = append(list, Fix{Title: x.aim(), Lines: options})
	}
	if x.open {
		list = append(list, credentials(x))
	}
	if x.openInTLS {
		list = append(list, Fix{
			Title: "Ask for client certificates, if clients must reach it over a network",
			Lines: []string{"-o ssl_verify_mode=2,ssl_ca_cert=/etc/memcached/ca.pem"},
		})
	}
	if x.clear && x.has(1, 5, 13) {
		list = append(list, Fix{
			Title: "Encrypt, so that credentials cannot be overheard (a build with TLS)",
			Lines: []string{"-Z", "-o ssl_chain_cert=/etc/memcached/cert.pem,ssl_key=/etc/memcached/key.pem"},
		})
	}
	for i := range list[others:] {
		list[others+i].File = "memcached's command line"
	}
	return list
}

// credentials makes it ask for them: by a password file since 1.5.15, by SASL
// before that and where the binary protocol alone is spoken, which -Y refuses.
// Both refuse to start together with UDP on.
func credentials(x exposed) Fix {
	f := Fix{Title: "Ask for credentials, if clients must reach it over a network"}
	switch {
	case x.bypassed:
		f.Title = "Write -l without proto[...], which bypasses the credentials that are on, or upgrade to 1.6.43 or later"
		f.Lines = []string{"-l ADDRESS"}
	case x.binaryOnly || !x.has(1, 5, 15):
		f.Lines = []string{"-U 0", "-S"}
	default:
		f.Lines = []string{"-U 0", "-Y /etc/memcached/auth"}
	}
	return f
}
