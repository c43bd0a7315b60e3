package scanner

// Windows has no limit on handles that a sweep could reach, and chooses source
// ports from 49152 to 65535.
func fileLimit() int      { return 1 << 16 }
func openFiles() int      { return 8 }
func ephemeralPorts() int { return 16384 }
