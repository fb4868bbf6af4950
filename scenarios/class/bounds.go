package class

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What a submission may hold at most. A student cannot make the server keep more than that at once; how often is the server's to limit.
const (
	MaxBody          = 768 << 10 // bytes of a submission as JSON
	MaxExercises     = 100       // of a submission
	MaxEvidence      = 20        // pieces of evidence in a submission
	MaxEvidenceBytes = 64 << 10  // of a piece of evidence, compressed
	MaxName          = 64        // letters of a student's name
	maxCount         = 100_000   // attempts, hints
	maxWorth         = 100       // points of an exercise, as lab.yaml has it
)

// ErrMalformed says that a submission or a name is not what it has to be.
var ErrMalformed = errors.New("malformed")

var (
	keyPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)
	idPattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	whoPattern = regexp.MustCompile(`^[0-9a-f]{16}$`)
	sumPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// ID says whether a text can name a lab or an exercise.
func ID(text string) bool { return idPattern.MatchString(text) }

// StudentID says whether a text can be a student's ID. Nothing else is ever written to a log as one: it could be a token in the wrong place.
func StudentID(text string) bool { return whoPattern.MatchString(text) }

// Check says what is wrong with a submission, if anything. The error wraps ErrMalformed.
func (s Submission) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w submission: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	switch {
	case s.Version != Version:
		return bad("version %d, and this server knows %d", s.Version, Version)
	case !keyPattern.MatchString(s.Key):
		return bad("the key has to have 32 hexadecimal digits")
	case !ID(s.Lab):
		return bad("%.80q cannot be the name of a lab", s.Lab)
	case len(s.Exercises) == 0:
		return bad("no exercises")
	case len(s.Exercises) > MaxExercises:
		return bad("%d exercises; at most %d", len(s.Exercises), MaxExercises)
	case len(s.Evidence) > MaxEvidence:
		return bad("%d pieces of evidence; at most %d", len(s.Evidence), MaxEvidence)
	}
	for id, e := range s.Exercises {
		switch {
		case !ID(id):
			return bad("%.80q cannot be the name of an exercise", id)
		case e.Attempts < 0 || e.Attempts > maxCount || e.Hints < 0 || e.Hints > maxCount:
			return bad("%s: %d attempts and %d hints cannot be", id, e.Attempts, e.Hints)
		case e.Worth < 1 || e.Worth > maxWorth:
			return bad("%s: worth %d points; from 1 to %d", id, e.Worth, maxWorth)
		case math.IsNaN(e.Points) || e.Points < 0 || e.Points > float64(e.Worth):
			return bad("%s: %g points of %d cannot be", id, e.Points, e.Worth)
		case e.Evidence != "" && !sumPattern.MatchString(e.Evidence):
			return bad("%s: the evidence's digest has to have 64 hexadecimal digits", id)
		}
	}
	for id, e := range s.Evidence {
		state, known := s.Exercises[id]
		switch {
		case !known || state.Passed == nil:
			return bad("evidence of %.80q, which is not passed", id)
		case len(e.Gzip) == 0 || len(e.Gzip) > MaxEvidenceBytes:
			return bad("%s: %d bytes of evidence; from 1 to %d", id, len(e.Gzip), MaxEvidenceBytes)
		case e.Digest != state.Evidence || e.Digest == "":
			return bad("%s: the evidence has another digest than the exercise says", id)
		}
	}
	return nil
}

// Record is the submission as it is kept.
func (s Submission) Record(student string, received time.Time) (Record, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return Record{}, err
	}
	sum := sha256.Sum256(text)
	return Record{Student: student, Received: received, Digest: hex.EncodeToString(sum[:]), Key: s.Key, Lab: s.Lab, Time: s.Time, Exercises: s.Exercises}, nil
}

// Name is a student's name as it is kept, or why it cannot be one.
func Name(text string) (string, error) {
	name := strings.Join(strings.Fields(text), " ")
	switch {
	case name == "":
		return "", fmt.Errorf("%w name: it is empty", ErrMalformed)
	case !utf8.ValidString(name) || utf8.RuneCountInString(name) > MaxName:
		return "", fmt.Errorf("%w name: at most %d letters", ErrMalformed, MaxName)
	}
	for _, r := range name {
		// Marks that turn the direction of writing could make one name look like another.
		if !unicode.IsPrint(r) {
			return "", fmt.Errorf("%w name: %q is no letter", ErrMalformed, r)
		}
	}
	return name, nil
}

// Fold is a name as it is compared: two students cannot be told apart by capitals alone.
func Fold(name string) string { return strings.ToLower(name) }

func round(v float64) float64 { return math.Round(v*100) / 100 }
