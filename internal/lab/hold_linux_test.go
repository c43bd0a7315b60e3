package lab

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestHold is the process that TestTakenDown kills.
func TestHold(t *testing.T) {
	if os.Getenv("LAB_HOLD") == "" {
		t.Skip("only for TestTakenDown")
	}
	l := New(t, Options{})
	fmt.Println("holding", l.target)
	time.Sleep(time.Minute)
}
