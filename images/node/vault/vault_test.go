package vault

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is one that a test moves on.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

func (c *clock) use(t *testing.T, v *Vault, after time.Duration, name string, token int64) error {
	t.Helper()
	c.now = c.now.Add(after)
	return v.Use(name, token)
}

func TestOneOwnerAfterAnotherIsNothingToSpeakOf(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	v := New(Options{Now: c.time})
	require.NoError(t, c.use(t, v, 0, "a", 5))
	require.NoError(t, c.use(t, v, time.Second, "a", 5))
	require.NoError(t, c.use(t, v, 3*time.Second, "b", 9))
	require.NoError(t, c.use(t, v, time.Second, "b", 9))
	s := v.Summary()
	require.Equal(t, int64(9), s.Newest)
	require.Equal(t, 4, s.Uses)
	require.Zero(t, s.Stale)
	require.InDelta(t, 3000, s.Gap, 0, "nobody used it for as long as the hand-over took")
	require.Len(t, s.Owners, 2)
	require.Equal(t, 2, s.Owners[0].Uses)
}

func TestAnOldOwnerIsCountedWithoutFencingAndRefusedWithIt(t *testing.T) {
	for _, fencing := range []bool{false, true} {
		c := &clock{time.Unix(1000, 0)}
		v := New(Options{Fencing: fencing, Now: c.time})
		require.NoError(t, c.use(t, v, 0, "a", 5))
		require.NoError(t, c.use(t, v, 3*time.Second, "b", 9))
		err := c.use(t, v, time.Second, "a", 5)
		s := v.Summary()
		if fencing {
			var old *StaleError
			require.ErrorAs(t, err, &old)
			require.Equal(t, StaleError{5, 9}, *old)
			require.Equal(t, [3]int{2, 0, 1}, [3]int{s.Uses, s.Stale, s.Refused})
			continue
		}
		require.NoError(t, err)
		require.Equal(t, [3]int{3, 1, 0}, [3]int{s.Uses, s.Stale, s.Refused})
		require.Equal(t, 1, s.Owners[0].Stale)
	}
}

func TestWhatIsForgottenIsNotTheNewestToken(t *testing.T) {
	v := New(Options{Fencing: true})
	require.NoError(t, v.Use("b", 9))
	v.Reset()
	require.Empty(t, v.Summary().Owners)
	require.Error(t, v.Use("a", 5))
	require.NoError(t, v.Use("b", 9))
}

func TestTheHistoryIsInTheOrderOfTimeAndEndsWhatItBegins(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	v := New(Options{Now: c.time})
	require.NoError(t, c.use(t, v, time.Second, "a", 5))
	require.NoError(t, c.use(t, v, time.Second, "b", 9))
	require.NoError(t, c.use(t, v, time.Second, "a", 5))
	require.NoError(t, c.use(t, v, time.Second, "b", 9))
	var out bytes.Buffer
	require.NoError(t, v.WriteHistory(&out))
	var said []string
	last := time.Duration(-1)
	for line := range strings.Lines(out.String()) {
		var e event
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		require.GreaterOrEqual(t, e.Time, last)
		last = e.Time
		said = append(said, e.Node+" "+e.Type+" "+e.Function)
	}
	require.Equal(t, []string{"a invoke acquire", "a ok acquire", "b invoke acquire", "b ok acquire", "a invoke release", "a ok release", "b invoke release", "b ok release"}, said)
}

func TestManyOwnersAreNotKeptForEver(t *testing.T) {
	v := New(Options{})
	for i := range keptOwners + 50 {
		require.NoError(t, v.Use("a", int64(i+1)))
	}
	require.Len(t, v.Summary().Owners, keptOwners)
	require.Equal(t, keptOwners+50, v.Summary().Uses)
}

func TestItIsUsedOverHTTP(t *testing.T) {
	v := New(Options{Fencing: true})
	ask := func(method, path string) (int, string) {
		answer := httptest.NewRecorder()
		v.Handler().ServeHTTP(answer, httptest.NewRequest(method, path, nil))
		return answer.Code, answer.Body.String()
	}
	for _, step := range []struct {
		method, path string
		code         int
		says         string
	}{
		{http.MethodPost, "/use?owner=b&token=9", 200, "ok"},
		{http.MethodPost, "/use?owner=a&token=5", 412, "token 5 is old: 9 has been here"},
		{http.MethodPost, "/use?owner=a", 400, "owner and token are needed"},
		{http.MethodPost, "/use?owner=&token=5", 400, "owner and token are needed"},
		{http.MethodPost, "/use?owner=a&token=0", 400, "owner and token are needed"},
		{http.MethodGet, "/use?owner=b&token=9", 405, ""},
		{http.MethodGet, "/owners", 200, `"refused": 1`},
		{http.MethodGet, "/history", 200, `"f":"acquire"`},
		{http.MethodGet, "/metrics", 200, "vault_refused 1"},
		{http.MethodPost, "/reset", 200, "ok"},
		{http.MethodGet, "/owners", 200, `"newest_token": 9`},
		{http.MethodGet, "/healthz", 200, "ok"},
	} {
		code, text := ask(step.method, step.path)
		require.Equal(t, step.code, code, step.path)
		require.Contains(t, text, step.says, step.path)
	}
}
