package event

// Bounds of Postgres' numeric, which holds jsonb's numbers
// (src/backend/utils/adt/numeric.c: a weight of 16 bits counting groups of four
// digits, a scale of 14 bits, an exponent below INT_MAX/2).
const (
	maxNumericWeight   = 131_071       // decimal place of the first digit that is not 0
	maxNumericScale    = 16_383        // digits behind the point
	maxNumericExponent = 1<<30 - 1 - 1 // |exponent| has to stay below INT_MAX/2
)

// number reads a number and notes one that jsonb cannot hold.
func (d *decoder) number(start int) int {
	i := start
	if d.at(i) == '-' {
		i++
	}
	n := numeral{}
	switch c := d.at(i); {
	case c == '0':
		i++ // it is no digit that counts
	case '1' <= c && c <= '9':
		digits := i
		i = d.digits(i, &n)
		n.whole = i - digits
	default:
		return d.fail(start, "expected a JSON value, found %s", d.found(start))
	}
	if d.at(i) == '.' {
		digits := i + 1
		if i = d.digits(digits, &n); i == digits {
			return d.fail(i, "expected a digit after the decimal point, found %s", d.found(i))
		}
		n.fraction = i - digits
	}
	if c := d.at(i); c == 'e' || c == 'E' {
		if i = d.exponent(i+1, &n); i == stop {
			return stop
		}
	}
	if !n.fits() {
		d.note(CodeNumberOutOfRange, start)
	}
	return i
}

// numeral is the shape of a number: how many digits stand where.
type numeral struct {
	whole, fraction int // a 0 before the point does not count
	exponent        int // saturates far outside the bounds
	zeros           int // zeros in front of the first digit that is not 0; the 0 before the point does not count
	nonzero         bool
}

// digits reads digits and counts leading zeros.
func (d *decoder) digits(i int, n *numeral) int {
	for ; '0' <= d.at(i) && d.at(i) <= '9'; i++ {
		if d.src[i] != '0' {
			n.nonzero = true
		} else if !n.nonzero {
			n.zeros++
		}
	}
	return i
}

func (d *decoder) exponent(i int, n *numeral) int {
	sign := 1
	switch d.at(i) {
	case '-':
		sign = -1
		i++
	case '+':
		i++
	}
	digits := i
	for ; '0' <= d.at(i) && d.at(i) <= '9'; i++ {
		n.exponent = min(n.exponent*10+int(d.src[i]-'0'), 1<<40)
	}
	if i == digits {
		return d.fail(i, "expected a digit in the exponent of a number, found %s", d.found(i))
	}
	n.exponent *= sign
	return i
}

// fits tells whether numeric can hold the number.
func (n *numeral) fits() bool {
	if n.exponent > maxNumericExponent {
		return false
	}
	if n.fraction-n.exponent > maxNumericScale { // this refuses an exponent far below 0, too
		return false
	}
	if !n.nonzero {
		return true
	}
	first := n.whole - 1 - n.zeros
	return first+n.exponent <= maxNumericWeight
}
