//go:build !linux

package raw

// senderKinds is empty: there is no raw engine here.
func senderKinds() []senderKind { return nil }
