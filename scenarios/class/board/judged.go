package board

import (
	"fmt"

	"github.com/ddsctl/ddsctl/scenarios/class"
)

// judged says how far the evidence bears out a state, with an empty verdict where there is nothing to bear out or nobody looks.
func (b *Board) judged(lab, id string, e class.Exercise) class.Judgement {
	switch {
	case b.course.Judged == nil || e.Passed == nil:
		return class.Judgement{}
	case e.Evidence == "":
		return class.Judgement{Verdict: class.Unproved}
	}
	j, known := b.course.Judged(lab, id, e.Evidence)
	switch {
	case !known:
		return class.Judgement{Verdict: class.Pending}
	case j.Verdict == class.Confirmed && len(b.owners[e.Evidence]) > 1:
		return class.Judgement{Verdict: class.Shared, Points: j.Points, Why: "another student has handed in the same evidence"}
	case j.Verdict == class.Confirmed && e.Points > j.Points+0.005:
		return class.Judgement{Verdict: class.Contradicted, Points: j.Points, Why: fmt.Sprintf("%g points were handed in, and the evidence gives %g", e.Points, cents(j.Points))}
	}
	return j
}
