//go:build !linux

package main

import "log"

func main() { log.Println("bench: it takes network namespaces: Linux only") }
