//go:build !linux

package scanner

import "errors"

func bindToDevice(int, string) error {
	return errors.New("choosing an interface is for Linux")
}
