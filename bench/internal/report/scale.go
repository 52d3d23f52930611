package report

import (
	"fmt"
	"math"
)

// scale maps values to pixels.
type scale struct {
	from, to float64 // values
	at, end  float64 // pixels
	log      bool
}

func (s scale) pixel(v float64) float64 {
	from, to := s.from, s.to
	if s.log {
		v, from, to = math.Log10(v), math.Log10(from), math.Log10(to)
	}
	return s.at + (v-from)/(to-from)*(s.end-s.at)
}

// tick is a marked value of an axis.
type tick struct {
	at    float64
	label string
}

// linearTicks are about n round values from 0 to at least most.
func linearTicks(most float64, n int) []tick {
	if most <= 0 || math.IsNaN(most) {
		most = 1
	}
	step := roundStep(most / float64(n))
	var ticks []tick
	for i := 0; ; i++ {
		v := float64(i) * step
		ticks = append(ticks, tick{v, short(v)})
		if v >= most {
			return ticks
		}
	}
}

// roundStep is 1, 2 or 5 times a power of ten, at least v.
func roundStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 2, 5} {
		if step*power >= v*0.999 {
			return step * power
		}
	}
	return 10 * power
}

// logTicks are the powers of ten around least and most.
func logTicks(least, most float64) (ticks []tick) {
	first, last := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if last <= first {
		last = first + 1
	}
	for e := first; e <= last; e++ {
		v := math.Pow(10, e)
		ticks = append(ticks, tick{v, short(v)})
	}
	return ticks
}

// short writes a number for an axis: 0.5, 20, 5k, 1.5M.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.4gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.4gk", v/1e3)
	}
	return fmt.Sprintf("%.4g", v)
}
