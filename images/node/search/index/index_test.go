package index

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const verses = `Ge1:1 In the beginning God created the heaven and the earth.
Ge1:3 And God said, Let there be light: and there was light.
Ge1:4 And God saw the light, that it was good: and God divided the light from the darkness.

Ge1:5 And God called the light Day, and the darkness he called Night. And the evening and the morning were the first day.
`

func corpus(t require.TestingT, text string) Corpus {
	c, err := Parse(text)
	require.NoError(t, err)
	return c
}

func titles(found Found) []string {
	var all []string
	for _, h := range found.Hits {
		all = append(all, h.Title)
	}
	return all
}

func TestDocumentsWithAllWordsAreFoundTheBestFirst(t *testing.T) {
	x := Build(corpus(t, verses), Holding{Documents: []Shard{Whole}})
	found, err := x.Search([]string{"light", "darkness"}, Whole, 10)
	require.NoError(t, err)
	require.Equal(t, 2, found.Total)
	require.Equal(t, []string{"Ge1:4", "Ge1:5"}, titles(found), "Ge1:4 has them three times")
	require.Equal(t, "And God said, Let there be light: and there was light.", first(t, x, "said").Text)

	found, err = x.Search([]string{"light", "heaven"}, Whole, 10)
	require.NoError(t, err)
	require.Zero(t, found.Total)
	require.NotNil(t, found.Hits, "nothing is an empty list")

	found, err = x.Search([]string{"god"}, Whole, 1)
	require.NoError(t, err)
	require.Equal(t, 4, found.Total, "the limit bounds the hits only")
	require.Len(t, found.Hits, 1)
	require.Equal(t, Size{Corpus: 4, Documents: 4, Words: 29, Postings: 41}, x.Size())
}

func first(t *testing.T, x *Index, w string) Document {
	found, err := x.Search([]string{w}, Whole, 1)
	require.NoError(t, err)
	require.NotEmpty(t, found.Hits)
	return found.Hits[0].Document
}

func TestWordsOfAText(t *testing.T) {
	for text, want := range map[string][]string{
		"And God said, Let":        {"and", "god", "said", "let"},
		"Aaron's rod -- 'tis":      {"aaron's", "rod", "tis"},
		"the sons' 12 sons":        {"the", "sons", "12", "sons"},
		"  ":                       nil,
		"ÜBER-all; naïve":          {"über", "all", "naïve"},
		"broken \xff\xfe bytes":    {"broken", "bytes"},
		"“Moses’ seat”, they said": {"moses", "seat", "they", "said"},
	} {
		require.Equal(t, want, slices.Collect(Words(text)), text)
	}
}

func TestAQuestionHasSomeWordsAndEachOnce(t *testing.T) {
	words, err := Question("Light and  LIGHT, darkness!")
	require.NoError(t, err)
	require.Equal(t, []string{"light", "and", "darkness"}, words)
	_, err = Question("?!")
	require.Error(t, err)
	_, err = Question("a b c d e f g h i")
	require.ErrorContains(t, err, "at most 8")
}

func TestACorpusWithoutDocumentsOrTitlesIsRefused(t *testing.T) {
	for _, text := range []string{"", "\n\n", "Ge1:1 ok\nnospace\n", " starts with a space\n"} {
		_, err := Parse(text)
		require.Error(t, err, "%q", text)
	}
	_, err := Read("/no/such/file")
	require.Error(t, err)
}

func TestWhatIsNotHeldIsNotAnswered(t *testing.T) {
	c := corpus(t, verses)
	half := Build(c, Holding{Documents: []Shard{{0, 2}}})
	_, err := half.Search([]string{"god"}, Shard{1, 2}, 10)
	require.ErrorIs(t, err, ErrNotHeld)
	_, err = half.Search([]string{"god"}, Whole, 10)
	require.ErrorIs(t, err, ErrNotHeld)
	_, err = half.Search([]string{"god"}, Shard{1, 4}, 10)
	require.NoError(t, err, "a quarter of the held half")
	_, err = half.Word("god")
	require.ErrorIs(t, err, ErrNotHeld)
	_, err = half.Documents([]uint32{0, 3})
	require.ErrorIs(t, err, ErrNotHeld)
	documents, err := half.Documents([]uint32{1, 0})
	require.NoError(t, err)
	require.Equal(t, []Document{c.Document(1), c.Document(0)}, documents)
}

func TestShardsAreWrittenAndRead(t *testing.T) {
	s, err := ParseShard("3/20")
	require.NoError(t, err)
	require.Equal(t, Shard{3, 20}, s)
	require.Equal(t, "3/20", s.String())
	for _, text := range []string{"", "3", "20/20", "-1/2", "a/b", "0/0", "1/20000", "1/2/3"} {
		_, err := ParseShard(text)
		require.Error(t, err, text)
	}
}

func TestHoldingsAreJoinedAndCompared(t *testing.T) {
	a := Holding{Documents: []Shard{{0, 2}, {1, 4}}}
	b := Holding{Documents: []Shard{{1, 4}, {0, 1}}, Words: []Shard{{2, 3}}}
	require.Equal(t, Holding{Documents: []Shard{{0, 1}, {0, 2}, {1, 4}}, Words: []Shard{{2, 3}}}, a.Join(b))
	require.True(t, a.Join(b).Equal(b.Join(a)))
	require.False(t, a.Equal(b))
	require.True(t, a.Equal(Holding{Documents: []Shard{{1, 4}, {0, 2}}}))
}

// texts draws a corpus in few words, so that they meet.
func texts(t *rapid.T) string {
	lines := rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom([]string{"light", "God", "the", "earth", "day,", "night"}), 0, 8), 1, 40).Draw(t, "texts")
	var b strings.Builder
	for i, words := range lines {
		fmt.Fprintf(&b, "t%d %s\n", i, strings.Join(words, " "))
	}
	return b.String()
}

func question(t *rapid.T) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"light", "god", "the", "earth", "day", "night", "nowhere"}), 1, 4, rapid.ID[string]).Draw(t, "words")
}

// slow finds by reading everything.
func slow(c Corpus, words []string, limit int) Found {
	var found []Found
	for n := range uint32(c.Len()) {
		d := c.Document(n)
		counts := map[string]uint32{}
		for w := range Words(d.Text) {
			counts[w]++
		}
		score, all := uint32(0), true
		for _, w := range words {
			score, all = score+counts[w], all && counts[w] > 0
		}
		if all {
			found = append(found, Found{1, []Hit{{d, score}}})
		}
	}
	return Merge(found, limit)
}

func TestAnIndexFindsWhatReadingEverythingFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := corpus(t, texts(t))
		words, limit := question(t), rapid.IntRange(0, 10).Draw(t, "limit")
		found, err := Build(c, Holding{Documents: []Shard{Whole}}).Search(words, Whole, limit)
		require.NoError(t, err)
		require.Equal(t, slow(c, words, limit), found)
	})
}

// Sharded by document: each part is asked the whole question.
func TestPartsByDocumentFindTogetherWhatTheWholeFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := corpus(t, texts(t))
		words, limit, of := question(t), rapid.IntRange(0, 10).Draw(t, "limit"), rapid.IntRange(1, 60).Draw(t, "of")
		parts := make([]Found, of)
		for n := range of {
			part := Shard{n, of}
			var err error
			parts[n], err = Build(c, Holding{Documents: []Shard{part}}).Search(words, part, limit)
			require.NoError(t, err)
		}
		require.Equal(t, slow(c, words, limit), Merge(parts, limit))
	})
}

// Sharded by word: each word is looked up where it is, and the lists meet at the root.
func TestPartsByWordGiveListsWhoseIntersectionIsWhatTheWholeFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := corpus(t, texts(t))
		words, of := question(t), rapid.IntRange(1, 7).Draw(t, "of")
		var lists []Postings
		for _, w := range words {
			for n := range of {
				list, err := Build(c, Holding{Words: []Shard{{n, of}}}).Word(w)
				if n != ShardOfWord(w, of) {
					require.ErrorIs(t, err, ErrNotHeld)
					continue
				}
				require.NoError(t, err)
				sent, err := Decode(list.Encode())
				require.NoError(t, err)
				lists = append(lists, sent)
			}
		}
		all := Intersect(lists...)
		want := slow(c, words, 5)
		require.Len(t, all, want.Total)
		texts, err := Build(c, Holding{Documents: []Shard{Whole}}).Documents(numbers(Best(all, 5)))
		require.NoError(t, err)
		for i, h := range want.Hits {
			require.Equal(t, h.Document, texts[i])
		}
	})
}

func numbers(list Postings) []uint32 {
	var all []uint32
	for _, p := range list {
		all = append(all, p.Document)
	}
	return all
}

func TestTheShardsOfADivisionShareAllDocuments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, of := rapid.IntRange(0, 50_000).Draw(t, "all"), rapid.IntRange(1, 300).Draw(t, "of")
		next, least, most := uint32(0), uint32(all), uint32(0)
		for n := range of {
			r := Shard{n, of}.Documents(all)
			require.Equal(t, next, r.From)
			next = r.To
			least, most = min(least, r.To-r.From), max(most, r.To-r.From)
		}
		require.Equal(t, uint32(all), next)
		if all > 0 {
			d := uint32(rapid.IntRange(0, all-1).Draw(t, "document"))
			require.True(t, Shard{ShardOfDocument(d, all, of), of}.Documents(all).Has(d))
		}
		require.LessOrEqual(t, most-least, uint32(1))
	})
}

func TestPostingsComeThroughAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		documents := rapid.SliceOfNDistinct(rapid.Uint32(), 0, 50, rapid.ID[uint32]).Draw(t, "documents")
		slices.Sort(documents)
		list := Postings{}
		for _, d := range documents {
			list = append(list, Posting{d, rapid.Uint32Min(1).Draw(t, "count")})
		}
		got, err := Decode(list.Encode())
		require.NoError(t, err)
		require.Equal(t, list, got)
		if len(list) > 0 {
			_, err = Decode(list.Encode()[:len(list.Encode())-1])
			require.Error(t, err, "broken off")
		}
		_, err = Decode(append(list.Encode(), 0))
		require.Error(t, err, "too long")
	})
}

func TestListsThatCannotBeAreRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"nothing": {}, "a count that is too large": {0xff, 0xff, 0x03}, "a document twice": {2, 5, 1, 0, 1}, "a word that is not there": {1, 5, 0},
	} {
		_, err := Decode(data)
		require.Error(t, err, name)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Postings{{1, 2}, {300, 1}}.Encode())
	f.Add([]byte{2, 5, 1, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Decode(list.Encode())
		require.NoError(t, err)
		require.Equal(t, list, again)
		for i := 1; i < len(list); i++ {
			require.Less(t, list[i-1].Document, list[i].Document)
		}
	})
}

func TestIntersectionKeepsWhatIsInAllListsAndItsOperands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lists := make([]Postings, rapid.IntRange(1, 4).Draw(t, "lists"))
		for i := range lists {
			for d := range uint32(60) {
				if rapid.IntRange(0, 3).Draw(t, "in") > i {
					lists[i] = append(lists[i], Posting{d, 1})
				}
			}
		}
		before := fmt.Sprint(lists)
		counts := map[uint32]uint32{}
		for _, list := range lists {
			for _, p := range list {
				counts[p.Document]++
			}
		}
		var want Postings
		for d := range uint32(60) {
			if int(counts[d]) == len(lists) {
				want = append(want, Posting{d, counts[d]})
			}
		}
		require.ElementsMatch(t, want, Intersect(lists...))
		require.Equal(t, before, fmt.Sprint(lists))
	})
}
