//go:build !unix

package history

// syncFolder has nothing to do where folders cannot be opened.
func syncFolder(string) error { return nil }
