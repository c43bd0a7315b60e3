package exposure

import (
	"fmt"
	"net/netip"
)

// fixAWS changes a security group, which stands outside of the host: it holds
// over a reboot, and leaves connections that are open alone. Groups only ever
// allow, so the clients come first, then everyone goes; a rule that is there
// already, or is not, makes aws complain and nothing else. A rule for more
// ports than these is left as it is: SSH may hang on it.
func fixAWS(list []Fix, x exposed) []Fix {
	const instead = " || echo 'no change: see above' >&2"
	permission := func(transport Transport, port uint16, p netip.Prefix) string {
		ranges := "IpRanges=[{CidrIp=%s}]"
		if familyOf(p) == ipv6 {
			ranges = "Ipv6Ranges=[{CidrIpv6=%s}]"
		}
		return fmt.Sprintf("'IpProtocol=%s,FromPort=%d,ToPort=%d,"+ranges+"'", transport, port, port, p)
	}
	change := func(verb string, prefixes []netip.Prefix) (lines []string) {
		for transport, port := range x.endpoints {
			for _, p := range prefixes {
				lines = append(lines, fmt.Sprintf(`aws ec2 %s-security-group-ingress --group-id "$SG" --ip-permissions %s%s`, verb, permission(transport, port, p), instead))
			}
		}
		return lines
	}
	var everyone []netip.Prefix
	for _, f := range x.families() {
		everyone = append(everyone, netip.MustParsePrefix(f.everyone))
	}
	list = append(list, Fix{Title: "Find the security groups of the host, and write the one to change into SG", Lines: []string{
		fmt.Sprintf(`aws ec2 describe-network-interfaces --filters "Name=%s,Values=%s" --query 'NetworkInterfaces[].Groups[].[GroupId,GroupName]' --output text`, x.awsFilter(), x.ip.Unmap()),
		`: "${SG:?write the security group to change into SG: SG=sg-...}"`,
	}})
	if len(x.clients) > 0 {
		list = append(list, Fix{Title: "Let the given networks in", Lines: change("authorize", x.clients)})
	}
	return append(list,
		Fix{Title: "Let everyone in no more", Lines: change("revoke", everyone)},
		Fix{Title: "See what is still let in: a rule for a range of ports, or for other networks, must be narrowed by hand", Lines: []string{
			`aws ec2 describe-security-group-rules --filters "Name=group-id,Values=$SG" --output table`,
		}})
}

// awsFilter is what EC2 finds a network interface by.
func (x exposed) awsFilter() string {
	switch {
	case !x.v4():
		return "ipv6-addresses.ipv6-address"
	case x.ip.Unmap().IsPrivate():
		return "addresses.private-ip-address"
	}
	return "association.public-ip"
}
