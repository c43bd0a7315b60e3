package exposure

// fixSystemd: IPAddressDeny filters both transports, in the kernel, whatever
// memcached itself is told (systemd.resource-control(5)). systemd applies it to
// a unit that runs already as soon as it has read it: the cache stays.
func fixSystemd(list []Fix, x exposed) []Fix {
	if !x.stock {
		return list
	}
	if x.alone && !x.unitSeen() {
		list = append(list, Fix{
			Title: "See that " + stockUnit + " is what listens there: another instance is memcached@NAME.service, and its drop-in goes into the folder of that name",
			Lines: append(x.listening(), "systemctl show -p MainPID "+stockUnit),
		})
	}
	return x.dropIn(list)
}

// dropIn is the filter, for the unit that starts it.
func (x exposed) dropIn(list []Fix) []Fix {
	unit := x.unit()
	lines := make([]string, 0, 8+len(x.clients))
	lines = append(lines, "[Service]", "IPAddressDeny=any", "IPAddressAllow=localhost")
	for _, p := range x.clients {
		lines = append(lines, "IPAddressAllow="+p.String())
	}
	if len(x.clients) == 0 {
		lines = append(lines, "# For each network that the clients are in: IPAddressAllow=10.0.0.0/24")
	}
	lines = append(lines,
		"# Programs on this host that use an address of its own, and not loopback, need a line too.",
		"# Never as root, whatever -u says: the first on Debian and Ubuntu, the second on RHEL and CentOS.",
		"#User=memcache",
		"#User=memcached",
	)
	title := "Make the drop-in count, without a restart"
	if !x.unitSeen() {
		title += "; an instance is memcached@NAME.service"
	}
	return append(list,
		Fix{
			Title: "Let only " + x.whom() + " in, whatever its configuration says, now and after a reboot",
			File:  "/etc/systemd/system/" + unit + ".d/exposure.conf",
			Lines: lines,
		},
		Fix{
			Title: title,
			Lines: []string{"systemctl daemon-reload", "systemctl show -p IPAddressAllow -p IPAddressDeny " + unit},
		},
	)
}

// whom says who is let in.
func (x exposed) whom() string {
	if len(x.clients) == 0 {
		return "local clients"
	}
	return "local clients and the given networks"
}
