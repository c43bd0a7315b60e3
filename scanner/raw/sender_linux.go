package raw

// senderKinds is every sender, the best one first.
func senderKinds() []senderKind {
	return []senderKind{
		{name: "xdp", open: newXDPSender},
		{name: "afxdp", open: newAFXDPSender},
		{name: "packet", open: newPacketSender},
	}
}
