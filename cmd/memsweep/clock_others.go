//go:build !linux

package main

import "github.com/memsweep/memsweep/exposure"

// clock: only Linux is asked.
func clock() *exposure.Clock { return nil }
