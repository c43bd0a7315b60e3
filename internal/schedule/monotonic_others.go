//go:build !linux

package schedule

func monotonic() string { return "0" }
