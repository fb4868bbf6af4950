// Package judge grades the evidence that students hand in anew, so that marks are not only what their machines say.
//
//	j := judge.Evidence(find, "sharded-redis", "eject", compressed, digest)
//	j.Verdict // confirmed, contradicted, ...
//
// It follows from the evidence and the exercise alone. It finds points that the measurements do not give; it does not find measurements that
// were made up with care.
package judge

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/exercise"
	"github.com/ddsctl/ddsctl/scenarios/expect"
)

// Find finds an exercise of a lab.
type Find func(lab, id string) (format.Exercise, bool)

// Evidence judges evidence of an exercise as it was handed in.
func Evidence(find Find, lab, id string, compressed []byte, digest string) class.Judgement {
	against := func(words string, args ...any) class.Judgement {
		return class.Judgement{Verdict: class.Contradicted, Why: fmt.Sprintf(words, args...)}
	}
	ex, known := find(lab, id)
	if !known {
		return class.Judgement{Verdict: class.Unknown, Why: fmt.Sprintf("%s has no exercise %s here", lab, id)}
	}
	text, err := class.Unpack(compressed, digest)
	if err != nil {
		return against("%v", err)
	}
	var e exercise.Evidence
	if err := json.Unmarshal(text, &e); err != nil {
		return against("it is no evidence: %v", err)
	}
	switch {
	case e.Version > exercise.EvidenceVersion:
		return class.Judgement{Verdict: class.Unclear, Why: fmt.Sprintf("it is of version %d, and this server knows %d", e.Version, exercise.EvidenceVersion)}
	case e.Lab != lab || e.Exercise != id:
		return against("it is of %s in %s", e.Exercise, e.Lab)
	}
	result := exercise.Grade(ex, e)
	switch result.Verdict {
	case expect.Holds:
		return class.Judgement{Verdict: class.Confirmed, Points: result.Points}
	case expect.Fails:
		return class.Judgement{Verdict: class.Contradicted, Points: result.Points, Why: words(result, expect.Fails)}
	default:
		return class.Judgement{Verdict: class.Unclear, Points: result.Points, Why: words(result, expect.Unknown)}
	}
}

// words say which checks are not as they should be.
func words(r exercise.Result, verdict expect.Verdict) string {
	var parts []string
	for _, c := range r.Checks {
		if c.Verdict != verdict {
			continue
		}
		part := c.Text
		switch {
		case c.Why != "":
			part += ": " + c.Why
		case c.Measured != "":
			part += fmt.Sprintf(": expected %s, measured %s", c.Expected, c.Measured)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}
