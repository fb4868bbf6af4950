package cell

// Arms are the strokes that leave a cell's middle: two bits each for north, east, south and west.
type Arms uint8

// Weight is how a stroke looks. A stronger one wins where two are drawn over each other.
type Weight uint8

// The weights.
const (
	None Weight = iota
	Dashed
	Light
	Heavy
)

// Direction is where an arm points.
type Direction uint8

// The directions.
const (
	North Direction = iota
	East
	South
	West
)

// Arm gives one arm.
func Arm(d Direction, w Weight) Arms { return Arms(w) << (2 * d) }

// Of is the weight of the arm in a direction.
func (a Arms) Of(d Direction) Weight { return Weight(a>>(2*d)) & 3 }

// Shape keeps only which arms there are, all of one weight.
func (a Arms) Shape(w Weight) Arms {
	var out Arms
	for d := North; d <= West; d++ {
		if a.Of(d) != None {
			out |= Arm(d, w)
		}
	}
	return out
}

// Merge draws arms over others.
func (a Arms) Merge(b Arms) Arms {
	if a == 0 || a == b {
		return b
	}
	var out Arms
	for d := North; d <= West; d++ {
		out |= Arm(d, max(a.Of(d), b.Of(d)))
	}
	return out
}

// Rune is the box-drawing character of the arms.
func (a Arms) Rune() rune { return armRunes[a] }

// ArmsOf takes a box-drawing character apart.
func ArmsOf(r rune) (Arms, bool) {
	a, ok := runeArms[r]
	return a, ok
}

// boxes are the characters by their arms: north, east, south, west; 0 none, 1 light, 2 heavy.
const boxes = "" +
	"0100╶0200╺0001╴0002╸1000╵2000╹0010╷0020╻" +
	"0101─0202━0102╾0201╼1010│2020┃1020╽2010╿" +
	"0110╭0210┍0120┎0220┏0011╮0012┑0021┒0022┓" +
	"1100╰1200┕2100┖2200┗1001╯1002┙2001┚2002┛" +
	"1110├1210┝2110┞1120┟2120┠2210┡1220┢2220┣" +
	"1011┤1012┥2011┦1021┧2021┨2012┩1022┪2022┫" +
	"0111┬0112┭0211┮0212┯0121┰0122┱0221┲0222┳" +
	"1101┴1102┵1201┶1202┷2101┸2102┹2201┺2202┻" +
	"1111┼1112┽1211┾1212┿2111╀1121╁2121╂2112╃2211╄1122╅1221╆2212╇1222╈2122╉2221╊2222╋"

var armRunes, runeArms = func() (byArms [256]rune, byRune map[rune]Arms) {
	plain := map[[4]byte]rune{}
	byRune = map[rune]Arms{}
	text := []rune(boxes)
	for i := 0; i+4 < len(text); i += 5 {
		var key [4]byte
		var arms Arms
		for d := range key {
			key[d] = byte(text[i+d] - '0')
			if key[d] > 0 {
				arms |= Arm(Direction(d), Weight(key[d])+1)
			}
		}
		plain[key] = text[i+4]
		byRune[text[i+4]] = arms
	}
	for i := range byArms {
		var key [4]byte
		dashed := true
		for d := range key {
			w := Arms(i).Of(Direction(d))
			if w > Dashed {
				dashed = false
			}
			key[d] = byte(max(int(w)-1, 0))
			if w == Dashed {
				key[d] = 1
			}
		}
		switch {
		case i == 0:
			byArms[i] = ' '
		case dashed && key == [4]byte{0, 1, 0, 1}:
			byArms[i] = '╌'
		case dashed && key == [4]byte{1, 0, 1, 0}:
			byArms[i] = '╎'
		default:
			byArms[i] = plain[key]
		}
	}
	for _, extra := range []struct {
		r    rune
		like rune
		w    Weight
	}{{'┌', '╭', Light}, {'┐', '╮', Light}, {'└', '╰', Light}, {'┘', '╯', Light}, {'╌', '─', Dashed}, {'╎', '│', Dashed}} {
		byRune[extra.r] = byRune[extra.like].Shape(extra.w)
	}
	return byArms, byRune
}()
