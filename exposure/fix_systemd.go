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
			Title: "Let only local clients in, whatever its configuration says",
			File:  "/etc/systemd/system/memcached.service.d/exposure.conf",
			Lines: []string{
				"[Service]",
				"IPAddressDeny=any",
				"IPAddressAllow=localhost",
				"# For each network that the clients are in: IPAddressAllow=10.0.0.0/24",
				"# Never as root, whatever -u says: the first on Debian and Ubuntu, the second on RHEL and CentOS.",
				"#User=memcache",
				"#User=memcached",
			},
		},
		{
			For:   "systemd",
			Title: "Make the drop-in count",
			Lines: append([]string{"systemctl daemon-reload"}, x.restart()...),
		},
	}
}
