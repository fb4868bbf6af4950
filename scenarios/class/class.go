// Package class has the nouns of a classroom: students, what they submit, and what is recorded of it. The rooms around it:
//
//	class/secret   tokens: made, hashed, compared
//	class/store    kept in etcd, inside the process or outside
//	class/board    submissions summed up: roster, progress, hardest exercises, export
//	class/judge    evidence graded anew
//	class/server   the web page and the API; limits, audit, certificates
//	class/client   the student's and the instructor's side of the API
//	class/queue    submissions that wait on the student's disk until the server has them
package class

import (
	"time"

	"github.com/ddsctl/ddsctl/scenarios/class/secret"
)

// Version is the version of Submission that this package writes.
const Version = 1

// Student is somebody who has joined.
type Student struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	Joined time.Time `json:"joined"`
	// Secret is what is kept of the student's secret; the secret itself is only with the student.
	Secret secret.Hashed `json:"secret"`
}

// Submission is what a student hands in: the state of one lab's exercises at one time.
type Submission struct {
	Version int `json:"version"`
	// Key names the submission: one that is sent again has the same key, and counts once. 32 hexadecimal digits.
	Key string `json:"key"`
	Lab string `json:"lab"`
	// Time is when it was made, on the student's clock.
	Time      time.Time           `json:"time"`
	Exercises map[string]Exercise `json:"exercises"`
	// Evidence is what was taken from the lab when an exercise was passed, by exercise.
	Evidence map[string]Evidence `json:"evidence,omitempty"`
}

// Exercise is what a student has done with one exercise.
type Exercise struct {
	Attempts int `json:"attempts"`
	// Points are those of the best attempt, hints paid; Worth is what there is to earn.
	Points float64 `json:"points"`
	Worth  int     `json:"worth"`
	Hints  int     `json:"hints,omitempty"`
	// Revealed and Passed are when that happened first, on the student's clock.
	Revealed *time.Time `json:"revealed,omitempty"`
	Passed   *time.Time `json:"passed,omitempty"`
	// Evidence is the SHA-256 of the evidence, in hexadecimal, where there is any.
	Evidence string `json:"evidence,omitempty"`
}

// Evidence is evidence of a passed attempt (exercise.Evidence as JSON), compressed.
type Evidence struct {
	// Digest is the SHA-256 of the JSON, in hexadecimal.
	Digest string `json:"digest"`
	Gzip   []byte `json:"gzip"`
}

// Record is a submission as it is kept. Evidence is kept apart.
type Record struct {
	Student  string    `json:"student"`
	Received time.Time `json:"received"`
	// Digest is that of the submission as it came: a key that comes again with other contents is refused.
	Digest    string              `json:"digest"`
	Key       string              `json:"key"`
	Lab       string              `json:"lab"`
	Time      time.Time           `json:"time"`
	Exercises map[string]Exercise `json:"exercises"`
}

// Receipt is what the student is told. It follows from the Record alone, so that a submission that is sent again gets the same.
type Receipt struct {
	Key      string    `json:"key"`
	Lab      string    `json:"lab"`
	Received time.Time `json:"received"`
	Passed   int       `json:"passed"`
	Points   float64   `json:"points"`
}

// Receipt is what the student is told about a record.
func (r Record) Receipt() Receipt {
	out := Receipt{Key: r.Key, Lab: r.Lab, Received: r.Received}
	for _, e := range r.Exercises {
		out.Points += e.Points
		if e.Passed != nil {
			out.Passed++
		}
	}
	out.Points = round(out.Points)
	return out
}

// Merge puts two states of the same exercise together: nothing that was reached is lost. The order does not matter, nor how often.
func Merge(a, b Exercise) Exercise {
	return Exercise{
		Attempts: max(a.Attempts, b.Attempts),
		Points:   max(a.Points, b.Points),
		Worth:    max(a.Worth, b.Worth),
		Hints:    max(a.Hints, b.Hints),
		Revealed: earlier(a.Revealed, b.Revealed),
		Passed:   earlier(a.Passed, b.Passed),
		Evidence: max(a.Evidence, b.Evidence),
	}
}

func earlier(a, b *time.Time) *time.Time {
	if a == nil || (b != nil && b.Before(*a)) {
		return b
	}
	return a
}
