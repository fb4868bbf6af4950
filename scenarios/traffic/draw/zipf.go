package draw

import (
	"math"
	"math/rand/v2"
)

// Zipf draws numbers from 1 to n, k with probability proportional to k^-s, for any s above 0 in constant time and space, by
// rejection-inversion (W. Hörmann, G. Derflinger: Rejection-inversion to generate variates from monotone discrete distributions,
// ACM TOMACS 6(3), 1996). The standard library's Zipf is the same method and takes only s above 1; the usual 0.99 lies below.
type Zipf struct {
	n            float64
	s            float64
	whole, first float64 // integral of the hat at n+1/2, and at 3/2 minus the mass of 1
	squeeze      float64
}

// NewZipf makes a Zipf; n is at least 1 and s above 0.
func NewZipf(n uint64, s float64) *Zipf {
	z := &Zipf{n: float64(n), s: s}
	z.first = z.integral(1.5) - 1
	z.whole = z.integral(z.n + 0.5)
	z.squeeze = 2 - z.inverse(z.integral(2.5)-z.hat(2))
	return z
}

// Draw draws one number.
func (z *Zipf) Draw(random *rand.Rand) uint64 {
	for {
		u := z.whole + random.Float64()*(z.first-z.whole)
		x := z.inverse(u)
		k := min(max(math.Floor(x+0.5), 1), z.n)
		if k-x <= z.squeeze || u >= z.integral(k+0.5)-z.hat(k) {
			return uint64(k)
		}
	}
}

// hat is x^-s.
func (z *Zipf) hat(x float64) float64 { return math.Exp(-z.s * math.Log(x)) }

// integral is the integral of the hat from 1 to x: (x^(1-s) - 1) / (1-s), and log x for s = 1.
func (z *Zipf) integral(x float64) float64 {
	log := math.Log(x)
	return expRatio((1-z.s)*log) * log
}

// inverse is the inverse of integral.
func (z *Zipf) inverse(y float64) float64 {
	t := max(y*(1-z.s), -1) // rounding must not leave the logarithm's domain
	return math.Exp(logRatio(t) * y)
}

// expRatio is (e^x - 1) / x, also near 0.
func expRatio(x float64) float64 {
	if math.Abs(x) < 1e-8 {
		return 1 + x/2
	}
	return math.Expm1(x) / x
}

// logRatio is log(1+x) / x, also near 0.
func logRatio(x float64) float64 {
	if math.Abs(x) < 1e-8 {
		return 1 - x/2
	}
	return math.Log1p(x) / x
}
