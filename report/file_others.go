//go:build !unix

package report

// syncFolder does nothing: here a folder cannot be opened and synced.
func syncFolder(string) error { return nil }
