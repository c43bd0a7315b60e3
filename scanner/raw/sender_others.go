//go:build !linux

package raw

// TryXDP is for Linux.
func TryXDP() error { return ErrUnsupported }

// TryAFXDP is for Linux.
func TryAFXDP() error { return ErrUnsupported }

// senderKinds is empty: there is no raw engine here.
func senderKinds() []senderKind { return nil }
