package raw

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// TryXDP opens what the xdp sender needs of the kernel, for two probes, and
// gives it back. Nothing is sent. An interface may still refuse its frames.
func TryXDP() error {
	one, err := tryXDP()
	if err != nil {
		return err
	}
	other, err := tryXDP()
	if err != nil {
		return errors.Join(fmt.Errorf("for a second probe: %w", err), one())
	}
	return errors.Join(one(), other())
}

func tryXDP() (closeAll func() error, err error) {
	const frame = 64
	s := &xdpSender{}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.frames, err = newFrameMap(xdpHeader + xdpSlots*frame); err != nil {
		return nil, err
	}
	s.prog, err = ebpf.NewProgram(frameProgram(s.frames.FD(), frame, frame, loopback))
	if err != nil {
		return nil, fmt.Errorf("load xdp program: %w", orCapability(err))
	}
	if s.anchor, err = newXDPAnchor(s.prog); err != nil {
		return nil, err
	}
	if s.watch, err = newXDPWatch(); err != nil {
		return nil, fmt.Errorf("see which frames are dropped: %w", orPerfmon(err))
	}
	return s.Close, nil
}
