package expect

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Dimension is a kind of quantity. Values are held in its base unit.
type Dimension string

// The dimensions and their base units.
const (
	Duration Dimension = "duration" // seconds
	Ratio    Dimension = "ratio"    // 0 to 1
	Rate     Dimension = "rate"     // per second
	Bytes    Dimension = "bytes"    // bytes
	ByteRate Dimension = "bytes/s"  // bytes per second
	Cores    Dimension = "cores"    // 1 is one core busy
	Count    Dimension = "count"    // a number
)

var byteUnits = map[string]float64{"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

// parseValue reads a value with its unit and checks that it fits the dimension. A bare number fits every dimension but a
// duration, whose unit nobody should have to guess.
func parseValue(text string, want Dimension) (float64, error) {
	end := strings.IndexFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && r != '.' && r != '-' && r != '+'
	})
	number, unit := text, ""
	if end >= 0 {
		number, unit = text[:end], text[end:]
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return 0, fmt.Errorf("%q is not a number with a unit", text)
	}
	mismatch := func(have Dimension) error {
		return fmt.Errorf("%q is a %s, and the left side is a %s", text, have, want)
	}
	switch {
	case unit == "":
		if want == Duration {
			return 0, fmt.Errorf("%q needs a unit, such as %sms or %ss", text, number, number)
		}
		return n, nil
	case unit == "%":
		if want != Ratio {
			return 0, mismatch(Ratio)
		}
		return n / 100, nil
	case unit == "/s":
		if want != Rate && want != ByteRate {
			return 0, mismatch(Rate)
		}
		return n, nil
	case strings.HasSuffix(unit, "/s") && byteUnits[strings.TrimSuffix(unit, "/s")] != 0:
		if want != ByteRate {
			return 0, mismatch(ByteRate)
		}
		return n * byteUnits[strings.TrimSuffix(unit, "/s")], nil
	case byteUnits[unit] != 0:
		if want != Bytes {
			return 0, mismatch(Bytes)
		}
		return n * byteUnits[unit], nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("unknown unit %q: use ns, us, ms, s, m, h, %%, /s, B, kB, MB, GB, KiB, MiB or GiB", unit)
	}
	if want != Duration {
		return 0, mismatch(Duration)
	}
	return d.Seconds(), nil
}

// format writes a value of a dimension for people.
func (d Dimension) format(v float64) string {
	short := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
	switch d {
	case Duration:
		if math.Abs(v) < 1e6 {
			return time.Duration(v * float64(time.Second)).Round(roundingFor(v)).String()
		}
		return short(v) + "s"
	case Ratio:
		return short(v*100) + "%"
	case Rate:
		return short(v) + "/s"
	case Bytes, ByteRate:
		suffix := ""
		if d == ByteRate {
			suffix = "/s"
		}
		for _, unit := range []string{"GB", "MB", "kB"} {
			if math.Abs(v) >= byteUnits[unit] {
				return short(v/byteUnits[unit]) + unit + suffix
			}
		}
		return short(v) + "B" + suffix
	case Cores:
		return short(v) + " cores"
	default:
		return short(v)
	}
}

// roundingFor keeps three or four significant digits of a duration.
func roundingFor(seconds float64) time.Duration {
	switch s := math.Abs(seconds); {
	case s >= 10:
		return 10 * time.Millisecond
	case s >= 1:
		return time.Millisecond
	case s >= 1e-3:
		return 10 * time.Microsecond
	case s >= 1e-6:
		return 100 * time.Nanosecond
	default:
		return time.Nanosecond
	}
}
