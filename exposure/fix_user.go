package exposure

// fixUser: memcached gives root up by itself when -u names another user
// (memcached.c, main). Only an audit on the machine can see who it runs as.
func fixUser(f *Finding) []Fix {
	for o := range f.observed {
		if o.Process != nil && o.Process.Root && o.State.Answered() {
			return []Fix{{
				For:   "memcached",
				Title: "Run it as an ordinary user (memcache on Debian and Ubuntu, memcached on RHEL and CentOS)",
				File:  "memcached's command line",
				Lines: []string{"-u memcache"},
			}}
		}
	}
	return nil
}
