package exposure

// fixSystemd: IPAddressDeny filters both transports, in the kernel, whatever
// memcached itself is told (systemd.resource-control(5)).
func fixSystemd(x exposed) []Fix {
	if !x.stock {
		return nil
	}
	return []Fix{
		{
			For:   "systemd",
			Title: "Let only local clients in, and never run as root, whatever its configuration says",
			File:  "/etc/systemd/system/memcached.service.d/exposure.conf",
			Lines: []string{
				"[Service]",
				"IPAddressDeny=any",
				"IPAddressAllow=localhost",
				"# For each network that the clients are in: IPAddressAllow=10.0.0.0/24",
				"# memcache on Debian and Ubuntu, memcached on RHEL and CentOS:",
				"User=memcache",
			},
		},
		{
			For:   "systemd",
			Title: "Make the drop-in count",
			Lines: append([]string{"systemctl daemon-reload"}, x.restart()...),
		},
	}
}
