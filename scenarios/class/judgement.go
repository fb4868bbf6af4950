package class

// Verdict says how far evidence bears out what was handed in.
type Verdict string

// The verdicts on an exercise that somebody says to have passed.
const (
	Pending      Verdict = "pending"      // not looked at yet
	Confirmed    Verdict = "confirmed"    // its evidence, graded anew, passes
	Contradicted Verdict = "contradicted" // its evidence does not pass, is of something else, or gives fewer points
	Shared       Verdict = "shared"       // another student has the very same evidence
	Missing      Verdict = "missing"      // the evidence that is named was never handed in
	Unproved     Verdict = "unproved"     // without evidence, as where it is too large
	Unclear      Verdict = "unclear"      // the evidence cannot be judged
	Unknown      Verdict = "unknown"      // the server does not have this exercise
)

// Doubtful says whether somebody should look at it.
func (v Verdict) Doubtful() bool { return v == Contradicted || v == Shared || v == Missing }

// Judgement is what grading evidence anew gave.
type Judgement struct {
	Verdict Verdict `json:"verdict"`
	// Points are those that it gives before hints are paid.
	Points float64 `json:"points"`
	// Why says more, where it is not confirmed.
	Why string `json:"why,omitempty"`
}
