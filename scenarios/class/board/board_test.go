package board

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/scenarios/class"
)

var course = Course{Labs: []Lab{
	{Slug: "sharded-redis", Exercises: []Exercise{{ID: "share", Worth: 5}, {ID: "eject", Worth: 10}}},
	{Slug: "cache", Exercises: []Exercise{{ID: "hit", Worth: 2}}},
}}

func at(seconds int64) *time.Time {
	t := time.Unix(seconds, 0).UTC()
	return &t
}

func record(student, key, lab string, received int64, exercises map[string]class.Exercise) class.Record {
	return class.Record{Student: student, Key: key, Lab: lab, Received: *at(received), Exercises: exercises}
}

func lesson() *Board {
	b := New(course)
	b.Join(class.Student{ID: "1", Name: "grace"})
	b.Join(class.Student{ID: "2", Name: "Ada"})
	b.Submit(record("1", "a", "sharded-redis", 10, map[string]class.Exercise{"share": {Attempts: 1, Points: 5, Worth: 5, Passed: at(9)}, "eject": {Attempts: 7, Points: 2, Worth: 10}}))
	b.Submit(record("2", "b", "sharded-redis", 20, map[string]class.Exercise{"share": {Attempts: 2, Points: 4, Worth: 5, Passed: at(19)}, "eject": {Attempts: 3, Worth: 10, Revealed: at(18)}}))
	b.Submit(record("2", "c", "own-lab", 30, map[string]class.Exercise{"x": {Attempts: 1, Points: 1, Worth: 1, Passed: at(29)}}))
	return b
}

func TestTheRosterSaysWhoIsHowFar(t *testing.T) {
	v := lesson().View()
	require.Equal(t, []string{"sharded-redis", "own-lab"}, v.Labs)
	require.Equal(t, 3, v.Submissions)
	require.Equal(t, []Row{
		{ID: "2", Name: "Ada", Last: at(30), Submissions: 2, Passed: 2, Points: 5, Worth: 16, Labs: []Progress{
			{Lab: "sharded-redis", Passed: 1, Of: 2, Attempts: 5, Points: 4, Worth: 15}, {Lab: "own-lab", Passed: 1, Of: 1, Attempts: 1, Points: 1, Worth: 1}}},
		{ID: "1", Name: "grace", Last: at(10), Submissions: 1, Passed: 1, Points: 7, Worth: 15, Labs: []Progress{
			{Lab: "sharded-redis", Passed: 1, Of: 2, Attempts: 8, Points: 7, Worth: 15}}},
	}, v.Students)
}

func TestExercisesThatWereNotTouchedAreStillToBeEarned(t *testing.T) {
	b := New(course)
	b.Join(class.Student{ID: "1", Name: "Ada"})
	b.Submit(record("1", "a", "sharded-redis", 1, map[string]class.Exercise{"share": {Points: 5, Worth: 5}}))
	row, ok := b.Row("1")
	require.True(t, ok)
	require.Equal(t, 15, row.Worth)
	require.Equal(t, 2, row.Labs[0].Of)
}

func TestTheHardestExerciseIsFirst(t *testing.T) {
	v := lesson().View()
	require.Equal(t, Hard{Lab: "sharded-redis", Exercise: "eject", Tried: 2, Attempts: 5, Revealed: 1, Score: 0.25}, v.Hardest[0])
	require.Equal(t, "x", v.Hardest[1].Exercise, "one who passed says less than two")
	require.Equal(t, "share", v.Hardest[2].Exercise)
}

func TestNobodyEarnsMoreThanTheCourseGives(t *testing.T) {
	b := New(course)
	b.Join(class.Student{ID: "1", Name: "Ada"})
	b.Submit(record("1", "a", "cache", 1, map[string]class.Exercise{"hit": {Points: 100, Worth: 100}}))
	row, _ := b.Row("1")
	require.Equal(t, 2.0, row.Points)
	require.Equal(t, 2, row.Worth)
}

func TestWhoHasLeftIsGoneWithAllThatWasSubmitted(t *testing.T) {
	b := lesson()
	b.Leave("2")
	v := b.View()
	require.Len(t, v.Students, 1)
	require.Equal(t, 1, v.Submissions)
	require.Equal(t, []string{"sharded-redis"}, v.Labs)
	_, there := b.Student("2")
	require.False(t, there)
}

func TestTheOrderOfEventsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events []func(*Board)
		for i := range rapid.IntRange(1, 4).Draw(t, "students") {
			id := fmt.Sprint(i)
			events = append(events, func(b *Board) { b.Join(class.Student{ID: id, Name: "s" + id}) })
			for j := range rapid.IntRange(0, 4).Draw(t, "submissions") {
				e := class.Exercise{Attempts: rapid.IntRange(0, 9).Draw(t, "attempts"), Points: float64(rapid.IntRange(0, 5).Draw(t, "points")), Worth: 5}
				r := record(id, fmt.Sprint(j), rapid.SampledFrom([]string{"sharded-redis", "other"}).Draw(t, "lab"), int64(j), map[string]class.Exercise{"share": e})
				events = append(events, func(b *Board) { b.Submit(r) })
			}
		}
		one, two := New(course), New(course)
		for _, e := range events {
			e(one)
		}
		for _, e := range append(rapid.Permutation(events).Draw(t, "order"), events...) { // and each of them twice
			e(two)
		}
		require.Equal(t, one.Export(*at(0)), two.Export(*at(0)))
	})
}

func TestTheExportHasALineForEachMark(t *testing.T) {
	b := lesson()
	b.Join(class.Student{ID: "3", Name: `=HYPERLINK("http://example.com")`})
	b.Submit(record("3", "d", "cache", 1, map[string]class.Exercise{"hit": {Attempts: 1, Points: 0.5, Worth: 2}}))
	var text bytes.Buffer
	require.NoError(t, b.Export(*at(0)).CSV(&text))
	lines, err := csv.NewReader(&text).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"student", "name", "lab", "exercise", "points", "worth", "attempts", "hints", "passed", "revealed", "evidence", "judged"},
		{"3", `'=HYPERLINK("http://example.com")`, "cache", "hit", "0.5", "2", "1", "0", "", "", "", ""},
		{"2", "Ada", "sharded-redis", "share", "4", "5", "2", "0", "1970-01-01T00:00:19Z", "", "", ""},
		{"2", "Ada", "sharded-redis", "eject", "0", "10", "3", "0", "", "1970-01-01T00:00:18Z", "", ""},
		{"2", "Ada", "own-lab", "x", "1", "1", "1", "0", "1970-01-01T00:00:29Z", "", "", ""},
		{"1", "grace", "sharded-redis", "share", "5", "5", "1", "0", "1970-01-01T00:00:09Z", "", "", ""},
		{"1", "grace", "sharded-redis", "eject", "2", "10", "7", "0", "", "", "", ""},
	}, lines)
}

func TestAMarkSaysWhetherItsEvidenceBearsItOut(t *testing.T) {
	found := map[string]class.Judgement{
		"good": {Verdict: class.Confirmed, Points: 5}, "half": {Verdict: class.Confirmed, Points: 2}, "bad": {Verdict: class.Contradicted, Why: "it fails"},
		"same": {Verdict: class.Confirmed, Points: 5},
	}
	b := New(Course{Labs: course.Labs, Judged: func(_, _, digest string) (class.Judgement, bool) { j, ok := found[digest]; return j, ok }})
	for i, c := range []struct {
		evidence string
		passed   *time.Time
		want     class.Verdict
		doubtful int
	}{
		{"good", at(1), class.Confirmed, 0}, {"half", at(1), class.Contradicted, 1}, {"bad", at(1), class.Contradicted, 1}, {"", at(1), class.Unproved, 0},
		{"late", at(1), class.Pending, 0}, {"", nil, "", 0}, {"same", at(1), class.Shared, 1}, {"same", at(1), class.Shared, 1},
	} {
		id := fmt.Sprint(i)
		b.Join(class.Student{ID: id, Name: "s" + id})
		b.Submit(record(id, "k", "sharded-redis", 1, map[string]class.Exercise{"share": {Points: 5, Worth: 5, Passed: c.passed, Evidence: c.evidence}}))
		defer func() {
			row, ok := b.Row(id)
			require.True(t, ok)
			require.Equal(t, c.doubtful, row.Doubtful, "%+v", c)
			require.Equal(t, c.want, b.Export(*at(0)).Marks[i].Judged, "%+v", c)
		}()
	}
}

func TestEvidenceIsNotSharedWithOneWhoHasLeft(t *testing.T) {
	b := New(Course{Judged: func(_, _, _ string) (class.Judgement, bool) {
		return class.Judgement{Verdict: class.Confirmed, Points: 5}, true
	}})
	for _, id := range []string{"1", "2"} {
		b.Join(class.Student{ID: id, Name: id})
		b.Submit(record(id, "k", "x", 1, map[string]class.Exercise{"y": {Points: 5, Worth: 5, Passed: at(1), Evidence: "same"}}))
	}
	row, _ := b.Row("1")
	require.Equal(t, 1, row.Doubtful)
	b.Leave("2")
	row, _ = b.Row("1")
	require.Zero(t, row.Doubtful)
}
