package report

import (
	"math"
	"strconv"
	"time"
)

// unit writes a value for people.
type unit func(float64) string

func perSecond(v float64) string      { return si(v) + "/s" }
func perSecondBytes(v float64) string { return si(v) + "B/s" }
func bytesOf(v float64) string        { return si(v) + "B" }
func cores(v float64) string          { return short(v) }
func plain(v float64) string          { return si(v) }

func seconds(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v == 0:
		return "0 s"
	case v >= 1:
		return short(v) + " s"
	case v >= 1e-3:
		return short(v*1e3) + " ms"
	default:
		return short(v*1e6) + " µs"
	}
}

func si(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.Abs(v) >= 1e9:
		return short(v/1e9) + " G"
	case math.Abs(v) >= 1e6:
		return short(v/1e6) + " M"
	case math.Abs(v) >= 1e4:
		return short(v/1e3) + " k"
	default:
		return short(v)
	}
}

func short(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	digits := 0
	if a := math.Abs(v); a > 0 {
		digits = min(max(2-int(math.Floor(math.Log10(a))), 0), 6)
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if digits == 0 {
		return text
	}
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	if text[len(text)-1] == '.' {
		text = text[:len(text)-1]
	}
	return text
}

func clock(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	if d < time.Minute {
		return short(math.Round(d.Seconds()*100)/100) + "s"
	}
	return d.Round(time.Second).String()
}

// step is a round distance between the lines of an axis that reaches most, for about n lines.
func step(most float64, n int) float64 {
	if most <= 0 {
		return 1
	}
	raw := most / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if raw <= m*power {
			return m * power
		}
	}
	return 10 * power
}
