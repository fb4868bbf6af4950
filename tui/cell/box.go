package cell

// Box draws a frame around a part.
func (r Region) Box(x, y, w, h int, weight Weight, s Style) {
	if w < 2 || h < 2 {
		return
	}
	e, so, we, n := Arm(East, weight), Arm(South, weight), Arm(West, weight), Arm(North, weight)
	put := func(x, y int, arms Arms) {
		if at := r.cell(x, y); at != nil {
			r.Set(x, y, 0, s)
			at.arms = arms
		}
	}
	for column := x + 1; column < x+w-1; column++ {
		put(column, y, e|we)
		put(column, y+h-1, e|we)
	}
	for row := y + 1; row < y+h-1; row++ {
		put(x, row, n|so)
		put(x+w-1, row, n|so)
	}
	put(x, y, e|so)
	put(x+w-1, y, so|we)
	put(x, y+h-1, n|e)
	put(x+w-1, y+h-1, n|we)
}

// Panel draws a frame with a title on its top edge and gives what is inside.
func (r Region) Panel(title, right string, focused bool) Region {
	border, name := In(Border), In(Title).With(Bold)
	if focused {
		border, name = In(Focus), In(Focus).With(Bold)
	}
	r.Box(0, 0, r.W, r.H, Light, border)
	used := 0
	if title != "" && r.W > 6 {
		used = r.Text(2, 0, " "+title+" ", name, r.W-4) + 2
	}
	if right != "" && r.W-used > 6 {
		r.Right(r.W-2, 0, " "+right+" ", In(Dim), r.W-used-4)
	}
	return r.Sub(1, 1, r.W-2, r.H-2)
}
