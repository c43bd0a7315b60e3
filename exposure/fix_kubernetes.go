package exposure

import (
	"fmt"
	"slices"
	"strings"
)

// fixKubernetes is a NetworkPolicy. A pod that any policy selects takes in only
// what some policy allows, so this one allows every other port as well: what
// else the pods serve, metrics for one, stays as it is. It lives in the
// cluster, and so survives what happens to pods and nodes.
func fixKubernetes(list []Fix, x exposed) []Fix {
	const file = "memcached-exposure.yaml"
	lines := []string{
		"apiVersion: networking.k8s.io/v1",
		"kind: NetworkPolicy",
		"metadata:",
		"  # Policies add up, and this one allows every port but those that it closes: a second",
		"  # one for the same pods lets everyone in to these again. One policy for each set of",
		"  # pods, then, under a name of its own: applying another of this name replaces it.",
		"  name: memcached-exposure",
		"  # namespace: the one that the pods are in",
		"spec:",
		"  podSelector:",
		"    matchLabels:",
		"      app.kubernetes.io/name: memcached # the labels of the pods: kubectl get pods --show-labels",
		"  policyTypes:",
		"    - Ingress",
		"  ingress:",
	}
	if len(x.clients) > 0 {
		lines = append(lines, "    - from:")
		for _, p := range x.clients {
			lines = append(lines, "        - ipBlock:", fmt.Sprintf("            cidr: %q", p))
		}
		lines = append(lines, "      ports:")
		for transport, port := range x.endpoints {
			lines = append(lines, kubernetesPorts(transport, port, port)...)
		}
	} else {
		lines = append(lines, "    # Nobody but the node itself; clients in the cluster need a rule with a podSelector.")
	}
	lines = append(lines, "    - ports: # every other port, from everywhere")
	for _, t := range []struct {
		transport Transport
		closed    []uint16
	}{{TCP, x.tcp}, {UDP, x.udp}, {"sctp", nil}} {
		for from, to := range otherPorts(t.closed) {
			lines = append(lines, kubernetesPorts(t.transport, from, to)...)
		}
	}
	whom := "nobody"
	if len(x.clients) > 0 {
		whom = "only the given networks"
	}
	return append(list,
		Fix{Title: "Let " + whom + " in, by a NetworkPolicy (endPort: Kubernetes 1.25, and a network plugin that knows it)", File: file, Lines: lines},
		Fix{Title: "See that no other policy selects the same pods, and that none of this name closes other ports: it would be replaced", Lines: []string{"kubectl get networkpolicy -o yaml"}},
		Fix{Title: "Apply it, once or again", Lines: []string{"kubectl apply -f " + file}},
	)
}

func kubernetesPorts(transport Transport, from, to uint16) []string {
	lines := []string{
		"        - protocol: " + strings.ToUpper(string(transport)),
		fmt.Sprintf("          port: %d", from),
	}
	if to > from {
		lines = append(lines, fmt.Sprintf("          endPort: %d", to))
	}
	return lines
}

// otherPorts yields the ranges of ports that are left without those closed.
func otherPorts(closed []uint16) func(yield func(from, to uint16) bool) {
	return func(yield func(from, to uint16) bool) {
		next := 1
		for _, port := range append(slices.Sorted(slices.Values(closed)), 0) {
			end := int(port) - 1
			if port == 0 { // behind the last
				end = 1<<16 - 1
			}
			if next <= end && !yield(uint16(next), uint16(end)) {
				return
			}
			next = int(port) + 1
		}
	}
}
