package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/scenarios/expect"
)

// story makes events out of lines: "0 invoke write x 7" at 1 ms, 2 ms, ...
func story(t *testing.T, lines ...string) []Event {
	t.Helper()
	var events []Event
	for i, line := range lines {
		words := strings.Fields(line)
		var e Event
		_, err := fmt.Sscan(words[0], &e.Client)
		require.NoError(t, err)
		e.Type, e.Function, e.Key = Type(words[1]), Function(words[2]), words[3]
		e.Time = time.Duration(i+1) * time.Millisecond
		for _, word := range words[4:] {
			name, value, named := strings.Cut(word, "=")
			switch {
			case !named:
				e.Value = Of(word)
			case name == "expected":
				e.Expected = Of(value)
			case name == "items":
				e.Items = strings.Split(value, ",")
			case name == "token":
				_, err := fmt.Sscan(value, &e.Token)
				require.NoError(t, err)
			}
		}
		events = append(events, e)
	}
	return events
}

func check(t *testing.T, model Model, lines ...string) Result {
	t.Helper()
	result, err := Check(story(t, lines...), model, Options{})
	require.NoError(t, err)
	return result
}

func TestARegisterThatAnswersAStaleValueIsCaught(t *testing.T) {
	result := check(t, Register,
		"0 invoke write x 1", "0 ok write x",
		"0 invoke write x 2", "0 ok write x",
		"1 invoke read x", "1 ok read x 1")
	require.Equal(t, expect.Fails, result.Verdict)
	require.Contains(t, result.Why[0], "read(x) → 1 by client 1 at 6ms")
}

func TestConcurrentOperationsMayTakeEffectInEitherOrder(t *testing.T) {
	result := check(t, Register,
		"0 invoke write x 1", "1 invoke write x 2", "2 invoke read x",
		"2 ok read x 2", "0 ok write x", "1 ok write x", "2 invoke read x", "2 ok read x 1")
	require.Equal(t, expect.Holds, result.Verdict, result.Why)
}

func TestAWriteWithoutAnAnswerMayTakeEffectMuchLaterOrNever(t *testing.T) {
	late := check(t, Register,
		"0 invoke write x 1", "0 ok write x", "1 invoke write x 2", "1 info write x",
		"2 invoke read x", "2 ok read x 1", "2 invoke read x", "2 ok read x 2")
	require.Equal(t, expect.Holds, late.Verdict, late.Why)
	never := check(t, Register,
		"0 invoke write x 1", "0 ok write x", "1 invoke write x 2", "1 info write x",
		"2 invoke read x", "2 ok read x 1")
	require.Equal(t, expect.Holds, never.Verdict, never.Why)
	back := check(t, Register,
		"0 invoke write x 1", "0 ok write x", "1 invoke write x 2", "1 info write x",
		"2 invoke read x", "2 ok read x 2", "2 invoke read x", "2 ok read x 1")
	require.Equal(t, expect.Fails, back.Verdict)
}

func TestAWriteThatFailedMustNotBeSeen(t *testing.T) {
	result := check(t, Register, "0 invoke write x 1", "0 fail write x", "1 invoke read x", "1 ok read x 1")
	require.Equal(t, expect.Fails, result.Verdict)
}

func TestACompareAndSwapThatSaysNoMustHaveFoundSomethingElse(t *testing.T) {
	require.Equal(t, expect.Fails, check(t, Register,
		"0 invoke write x 1", "0 ok write x", "0 invoke cas x 2 expected=1", "0 fail cas x").Verdict)
	require.Equal(t, expect.Holds, check(t, Register,
		"0 invoke write x 1", "0 ok write x", "0 invoke cas x 2 expected=5", "0 fail cas x",
		"1 invoke cas x 3 expected=1", "1 info cas x", "0 invoke read x", "0 ok read x 3").Verdict)
}

func TestTwoSwapsFromOneValueAreALostUpdate(t *testing.T) {
	require.Equal(t, expect.Fails, check(t, Register,
		"0 invoke write x 1", "0 ok write x",
		"0 invoke cas x 2 expected=1", "1 invoke cas x 3 expected=1", "0 ok cas x", "1 ok cas x").Verdict)
}

func TestAHistoryInWhichNothingSucceededShowsNothing(t *testing.T) {
	for _, model := range Models() {
		require.Equal(t, expect.Unknown, check(t, model, "0 invoke read x", "0 info read x").Verdict)
	}
}

func TestTwoHoldersOfOneLockAreCountedWithTheirTimes(t *testing.T) {
	result := check(t, Lock,
		"0 invoke acquire l", "0 ok acquire l token=1",
		"1 invoke acquire l", "1 ok acquire l token=2", // the lease of 0 ran out while it was paused
		"1 invoke release l", "1 ok release l",
		"0 invoke release l", "0 fail release l")
	require.Equal(t, expect.Fails, result.Verdict)
	require.Equal(t, 1, result.Counts["overlaps"])
	require.Contains(t, result.Why[0], `clients 0 and 1 both held "l" from 4ms to 5ms`)
}

func TestALockHandedOverInTimeHolds(t *testing.T) {
	result := check(t, Lock,
		"0 invoke acquire l", "1 invoke acquire l", "0 ok acquire l token=1", "0 invoke release l",
		"1 ok acquire l token=2", "0 ok release l", "1 invoke release l", "1 ok release l")
	require.Equal(t, expect.Holds, result.Verdict, result.Why)
}

func TestATokenThatDoesNotGrowIsCaught(t *testing.T) {
	result := check(t, Lock,
		"0 invoke acquire l", "0 ok acquire l token=7", "0 invoke release l", "0 ok release l",
		"1 invoke acquire l", "1 ok acquire l token=7")
	require.Equal(t, expect.Fails, result.Verdict)
	require.Equal(t, 1, result.Counts["tokens"])
}

func TestAQueueLosesDuplicatesAndInventsExactlySoMany(t *testing.T) {
	result := check(t, Queue,
		"0 invoke enqueue q a", "0 ok enqueue q", "0 invoke enqueue q b", "0 ok enqueue q",
		"0 invoke enqueue q c", "0 info enqueue q", "0 invoke enqueue q d", "0 fail enqueue q",
		"0 invoke enqueue q e", "0 ok enqueue q",
		"1 invoke dequeue q", "1 ok dequeue q a", "1 invoke dequeue q", "1 ok dequeue q a",
		"1 invoke dequeue q", "1 ok dequeue q c", "1 invoke dequeue q", "1 ok dequeue q d",
		"1 invoke dequeue q", "1 ok dequeue q e", "1 invoke dequeue q", "1 fail dequeue q")
	require.Equal(t, expect.Fails, result.Verdict)
	for kind, n := range map[string]int{"lost": 1, "duplicated": 1, "unexpected": 1, "recovered": 1} {
		require.Equal(t, n, result.Counts[kind], kind)
	}
}

func TestACounterMayOnlyReadWhatWasAdded(t *testing.T) {
	good := check(t, Counter,
		"0 invoke add c 2", "0 ok add c", "1 invoke add c 3", "2 invoke read c", "2 ok read c 5", "1 info add c",
		"2 invoke read c", "2 ok read c 2")
	require.Equal(t, expect.Holds, good.Verdict, good.Why)
	lost := check(t, Counter,
		"0 invoke add c 1", "0 ok add c", "1 invoke add c 1", "1 ok add c", "2 invoke read c", "2 ok read c 1")
	require.Equal(t, expect.Fails, lost.Verdict)
	require.Equal(t, 1, lost.Counts["missing"], "one update was lost")
	twice := check(t, Counter, "0 invoke add c 1", "0 ok add c", "2 invoke read c", "2 ok read c 2")
	require.Equal(t, 1, twice.Counts["surplus"])
}

func TestASetThatForgetsIsCaughtByItsLastRead(t *testing.T) {
	result := check(t, Set,
		"0 invoke add s a", "0 ok add s", "0 invoke add s b", "0 ok add s", "0 invoke add s c", "0 info add s",
		"1 invoke read s", "1 ok read s items=a,c,c,z")
	require.Equal(t, expect.Fails, result.Verdict)
	for kind, n := range map[string]int{"lost": 1, "duplicated": 1, "unexpected": 1, "recovered": 1} {
		require.Equal(t, n, result.Counts[kind], kind)
	}
	require.Equal(t, expect.Unknown, check(t, Set, "0 invoke add s a", "0 ok add s").Verdict)
}

func TestAHistoryThatContradictsItselfIsRefused(t *testing.T) {
	for name, events := range map[string][]Event{
		"an end without a beginning": story(t, "0 ok write x"),
		"another function":           story(t, "0 invoke write x 1", "0 ok read x 1"),
		"an unknown type":            story(t, "0 maybe write x 1"),
	} {
		_, err := Check(events, Register, Options{})
		require.Error(t, err, name)
	}
}

// memory is a register in memory. With stale it sometimes answers what was there before the last write.
type memory struct {
	mu       sync.Mutex
	now, was *string
	stale    bool
	reads    int
}

func (m *memory) write(v string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.was, m.now = m.now, &v
}

func (m *memory) read() *string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reads++; m.stale && m.reads%5 == 0 {
		return m.was
	}
	return m.now
}

// record lets clients use a register at the same time, and returns what they recorded.
func record(t *testing.T, m *memory) []Event {
	t.Helper()
	var file bytes.Buffer
	recorder := NewRecorder(&file, nil)
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			for i := range 50 {
				if (client+i)%2 == 0 {
					v := fmt.Sprintf("%d.%d", client, i)
					end := recorder.Invoke(client, "memory", Operation{Function: Write, Key: "x", Value: &v})
					m.write(v)
					end(OK, Operation{}, nil)
				} else {
					end := recorder.Invoke(client, "memory", Operation{Function: Read, Key: "x"})
					end(OK, Operation{Value: m.read()}, nil)
				}
			}
		})
	}
	clients.Wait()
	require.NoError(t, recorder.Err())
	require.Equal(t, 400, recorder.Count())
	events, err := Decode(&file)
	require.NoError(t, err)
	require.Len(t, events, 400)
	return events
}

func TestARecordedRegisterPassesAndABrokenOneIsCaughtAndDrawn(t *testing.T) {
	good, err := Check(record(t, &memory{}), Register, Options{})
	require.NoError(t, err)
	require.Equal(t, expect.Holds, good.Verdict, good.Why)

	var page bytes.Buffer
	bad, err := Check(record(t, &memory{stale: true}), Register, Options{Visualization: &page,
		Faults: []Lane{{Name: "stale replica", Start: 0, End: time.Second}}})
	require.NoError(t, err)
	require.Equal(t, expect.Fails, bad.Verdict)
	require.Contains(t, page.String(), "<html")
	require.Contains(t, page.String(), "stale replica")
}

func TestASearchThatIsGivenUpIsUnknownAndHasNoPicture(t *testing.T) {
	var events []Event
	for client := range 14 { // all at once, and a read that nothing explains: every order must be tried
		events = append(events, Event{Type: Invoke, Client: client, Operation: Operation{Function: Write, Key: "x", Value: Of(fmt.Sprint(client))}})
	}
	events = append(events, Event{Type: Invoke, Client: 99, Operation: Operation{Function: Read, Key: "x"}})
	for client := range 14 {
		events = append(events, Event{Type: OK, Client: client, Time: time.Second, Operation: Operation{Function: Write}})
	}
	events = append(events, Event{Type: OK, Client: 99, Time: time.Second, Operation: Operation{Function: Read, Value: Of("never")}})
	var page bytes.Buffer
	result, err := Check(events, Register, Options{Timeout: time.Nanosecond, Visualization: &page})
	require.NoError(t, err)
	require.Equal(t, expect.Unknown, result.Verdict)
	require.Zero(t, page.Len())
}

func TestTheOutcomeOfAnErrorIsOnlyFailWhereThatIsCertain(t *testing.T) {
	require.Equal(t, OK, OutcomeOf(nil))
	require.Equal(t, Fail, OutcomeOf(fmt.Errorf("get: %w", ErrRefused)))
	require.Equal(t, Info, OutcomeOf(context.DeadlineExceeded))
	require.Equal(t, Info, OutcomeOf(errors.New("connection reset")))
}

type brokenDisk struct{}

func (brokenDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestARecorderRemembersThatItCouldNotWrite(t *testing.T) {
	recorder := NewRecorder(brokenDisk{}, nil)
	recorder.Invoke(0, "", Operation{Function: Read})(OK, Operation{}, nil)
	require.ErrorContains(t, recorder.Err(), "no space left")
}

// Whatever clients do to an atomic register, at whatever interleaving, its history is linearizable; and conservation of a queue's
// items is counted exactly, whatever is lost.
func TestAtomicRegistersAreLinearizable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events []Event
		now := time.Duration(0)
		value := (*string)(nil)
		under := map[int]*Operation{}
		done := map[int]bool{}
		got := map[int]Operation{}
		for range rapid.IntRange(2, 60).Draw(t, "steps") {
			now += time.Millisecond
			client := rapid.IntRange(0, 4).Draw(t, "client")
			switch asked := under[client]; {
			case asked == nil:
				o := Operation{Function: rapid.SampledFrom([]Function{Read, Write, CAS}).Draw(t, "function"), Key: "x"}
				if o.Function != Read {
					o.Value = Of(rapid.StringMatching("[abc]").Draw(t, "value"))
				}
				if o.Function == CAS {
					o.Expected = Of(rapid.StringMatching("[abc]").Draw(t, "expected"))
				}
				under[client], done[client] = &o, false
				events = append(events, Event{Type: Invoke, Client: client, Operation: o, Time: now})
			case !done[client]: // it takes effect
				done[client] = true
				end := Operation{Function: asked.Function, Key: "x"}
				switch asked.Function {
				case Read:
					end.Value = value
				case Write:
					value = asked.Value
				case CAS:
					if !same(value, asked.Expected) {
						end.Token = -1 // says no, below
						break
					}
					value = asked.Value
				}
				got[client] = end
			default:
				end := got[client]
				kind := OK
				if end.Token == -1 {
					kind, end.Token = Fail, 0
				}
				if rapid.IntRange(0, 9).Draw(t, "lost answer") == 0 {
					kind = Info
				}
				under[client] = nil
				events = append(events, Event{Type: kind, Client: client, Operation: end, Time: now})
			}
		}
		result, err := Check(events, Register, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if result.Verdict == expect.Fails {
			t.Fatalf("%v", result.Why)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"type":"invoke","client":0,"f":"write","key":"x","value":"1","time_ns":5}` + "\n"))
	f.Add([]byte("{}\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := Decode(bytes.NewReader(data))
		if err != nil || len(events) > 12 {
			return
		}
		for _, model := range Models() {
			_, _ = Check(events, model, Options{Timeout: 50 * time.Millisecond})
		}
	})
}

func TestTheLongestSilenceIsMeasured(t *testing.T) {
	ms := time.Millisecond
	write := Operation{Function: Write, Key: "x", Value: Of("1")}
	at := func(t Type, client int, when time.Duration) Event {
		return Event{Type: t, Client: client, Operation: write, Time: when}
	}
	for name, story := range map[string]struct {
		events []Event
		want   int
	}{
		"between two successes": {[]Event{at(Invoke, 0, 0), at(OK, 0, 10*ms), at(Invoke, 0, 20*ms), at(Info, 0, 500*ms), at(Invoke, 1, 700*ms), at(OK, 1, 810*ms)}, 800},
		"before the first":      {[]Event{at(Invoke, 0, 100*ms), at(OK, 0, 900*ms), at(Invoke, 0, 950*ms), at(OK, 0, 960*ms)}, 800},
		"after the last":        {[]Event{at(Invoke, 0, 0), at(OK, 0, 10*ms), at(Invoke, 0, 20*ms), at(Fail, 0, 30*ms), at(Invoke, 0, 600*ms), at(Fail, 0, 900*ms)}, 590},
		"answers that overlap":  {[]Event{at(Invoke, 0, 0), at(Invoke, 1, 0), at(OK, 1, 5*ms), at(OK, 0, 8*ms)}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := Check(story.events, Register, Options{})
			require.NoError(t, err)
			require.Equal(t, story.want, result.Counts["silence_ms"])
		})
	}
}

func TestWhatACounterLostIsAddedUpOverAllCounters(t *testing.T) {
	var events []Event
	moment := time.Duration(0)
	do := func(key string, f Function, value string) {
		moment += time.Millisecond
		events = append(events, Event{Type: Invoke, Operation: Operation{Function: f, Key: key, Value: Of("1")}, Time: moment})
		moment += time.Millisecond
		events = append(events, Event{Type: OK, Operation: Operation{Function: f, Key: key, Value: Of(value)}, Time: moment})
	}
	for _, key := range []string{"a", "b", "c"} {
		for range 5 {
			do(key, Add, "1")
		}
	}
	do("a", Read, "1") // a read in between, which missed more than the last
	do("a", Read, "3")
	do("b", Read, "4")
	do("c", Read, "5")
	result, err := Check(events, Counter, Options{})
	require.NoError(t, err)
	require.Equal(t, 3, result.Counts["lost"])
	require.Equal(t, 4, result.Counts["missing"])
	require.Equal(t, 3, result.Counts["short reads"])
}
