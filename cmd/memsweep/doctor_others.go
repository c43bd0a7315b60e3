//go:build !unix

package main

// fileDescriptors is for Unix, where they are limited.
func fileDescriptors() string { return "" }
