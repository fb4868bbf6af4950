// Package figure writes figures so that they can be read at a glance and take little room: three digits and a unit.
package figure

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Count writes a number: 7, 0.25, 950, 1.2k, 34M.
func Count(v float64) string {
	value, unit := scale(v, 1000, "", "k", "M", "G", "T", "P")
	return digits(value) + unit
}

// Bytes writes a size: 0 B, 13 MB (powers of 1000, as networks and disks count).
func Bytes(v float64) string {
	value, unit := scale(v, 1000, "B", "kB", "MB", "GB", "TB", "PB")
	return digits(value) + " " + unit
}

// ByteRate writes bytes per second without a space: 132kB/s.
func ByteRate(v float64) string {
	value, unit := scale(v, 1000, "B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s")
	return digits(value) + unit
}

// Rate writes events per second: 498/s.
func Rate(v float64) string { return Count(v) + "/s" }

// Seconds writes a time in seconds: 850µs, 2.1ms, 1.4s, 3m10s.
func Seconds(v float64) string {
	switch {
	case !finite(v):
		return "?"
	case v == 0:
		return "0"
	case math.Abs(v) < 0.9995e-3:
		return digits(v*1e6) + "µs"
	case math.Abs(v) < 0.9995:
		return digits(v*1e3) + "ms"
	case math.Abs(v) < 60:
		return digits(v) + "s"
	}
	return Duration(time.Duration(min(max(v, -longest), longest) * 1e9))
}

// longest is about the longest time.Duration, in seconds.
const longest = 9e9

// Duration writes a time to the second: 42s, 3m10s, 2h05m.
func Duration(d time.Duration) string {
	d = max(d, -longest*time.Second).Round(time.Second)
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
}

// Percent writes a share from 0 to 1: 0 %, 0.4 %, 33 %. What is small but not nothing is never written as nothing.
func Percent(v float64) string {
	switch p := v * 100; {
	case !finite(v):
		return "?"
	case p == 0:
		return "0 %"
	case p > 0 && p < 0.1:
		return "<0.1 %"
	case p > 99.9 && p < 100:
		return ">99.9 %"
	case math.Abs(p) < 9.95:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func scale(v, by float64, units ...string) (float64, string) {
	i := 0
	for math.Abs(v) >= by*0.9995 && i+1 < len(units) {
		v, i = v/by, i+1
	}
	return v, units[i]
}

// digits writes about three digits, and no zeros that say nothing.
func digits(v float64) string {
	if !finite(v) {
		return "?"
	}
	abs := math.Abs(v)
	switch {
	case abs >= 1e6:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case abs >= 9.95 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case abs >= 0.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case abs >= 0.005:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return "<0.01"
}
