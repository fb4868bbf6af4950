// Package nearest finds the word that somebody probably meant.
package nearest

import (
	"slices"
	"strings"
)

// Word returns the candidate that is closest to word, or "" when none is close: at most a third of the letters may be wrong,
// missing, added or swapped with their neighbour. Of equally close ones the first in the order of the alphabet is taken.
func Word(word string, candidates []string) string {
	limit := max(1, (len([]rune(word))+1)/3)
	best, distance := "", limit+1
	for _, candidate := range slices.Sorted(slices.Values(candidates)) {
		if candidate == word {
			continue
		}
		d := Distance(strings.ToLower(word), strings.ToLower(candidate))
		if d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// Distance is the number of letters to insert, delete, replace or swap with their neighbour that turns a into b (optimal
// string alignment).
func Distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, previous, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range row {
		previous[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(previous[j]+1, row[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, previous, row = previous, row, before
	}
	return previous[len(t)]
}
