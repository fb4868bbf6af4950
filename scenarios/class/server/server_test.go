package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/client"
	"github.com/ddsctl/ddsctl/scenarios/class/secret"
)

func TestAStudentJoinsSubmitsAndIsSeen(t *testing.T) {
	r := serve(t, nil)
	ada := r.join("  Ada   Lovelace ")
	require.Equal(t, "Ada Lovelace", ada.Name)
	s := work(t, 5)
	first, err := ada.Submit(t.Context(), ada.ID, s)
	require.NoError(t, err)
	require.Equal(t, class.Receipt{Key: s.Key, Lab: "cache", Received: first.Received, Passed: 1, Points: 5}, first)
	mine, err := ada.Student(t.Context(), ada.ID)
	require.NoError(t, err)
	require.Equal(t, 1, mine.Submissions, "what was acknowledged is seen at once by its owner")
	again, err := ada.Submit(t.Context(), ada.ID, s)
	require.NoError(t, err)
	require.Equal(t, first, again, "the same answer for a repeat")

	marks, err := r.instructor().Export(t.Context())
	require.NoError(t, err)
	require.Len(t, marks.Marks, 1)
	require.Equal(t, []string{s.Key}, marks.Submissions[ada.ID])
	text, err := r.instructor().Evidence(t.Context(), marks.Marks[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"version":1,"lab":"cache","exercise":"share"}`, string(text))

	require.Eventually(t, func() bool {
		view, err := r.instructor().Roster(t.Context())
		require.NoError(t, err)
		return len(view.Students) == 1 && view.Submissions == 1
	}, time.Minute, 10*time.Millisecond)
	row, err := ada.Student(t.Context(), ada.ID)
	require.NoError(t, err)
	require.Equal(t, 15, row.Worth, "the course says what there is to earn")
}

func TestNobodyReachesAnothersRecord(t *testing.T) {
	r := serve(t, func(o *Options) { o.Failure = Rate{PerSecond: 1000, Burst: 1000} })
	ada, eve := r.join("Ada"), r.join("Eve")
	secretWork := work(t, 5)
	_, err := ada.Submit(t.Context(), ada.ID, secretWork)
	require.NoError(t, err)
	forged, err := json.Marshal(work(t, 0))
	require.NoError(t, err)
	var body class.Submission
	require.NoError(t, json.Unmarshal(forged, &body))

	someone := r.browser()
	attempts := []request{
		{"GET", "/api/students/" + ada.ID, ""},
		{"GET", "/api/students/" + ada.ID + "/evidence/cache/share/" + secretWork.Evidence["share"].Digest, ""},
		{"PUT", "/api/students/" + ada.ID + "/submissions/" + body.Key, string(forged)},
		{"PUT", "/api/students/" + ada.ID + "/submissions/" + secretWork.Key, string(forged)},
		{"PUT", "/api/students/" + eve.ID + "%2f..%2f" + ada.ID + "/submissions/" + body.Key, string(forged)},
		{"GET", "/api/students/" + eve.ID + "/../" + ada.ID, ""},
		{"GET", "/api/students/" + eve.ID + "%2f..%2f" + ada.ID, ""},
		{"DELETE", "/api/students/" + ada.ID, ""},
		{"POST", "/api/students/" + ada.ID + "/secret", ""},
		{"GET", "/api/roster", ""},
		{"GET", "/api/export", ""},
		{"GET", "/api/export?format=csv", ""},
		{"GET", "/api/backup", ""},
		{"GET", "/board", ""},
		{"GET", "/live", ""},
	}
	for who, bearer := range map[string]string{
		"another student": eve.bearer, "nobody": "", "with the join token": r.tokens.Join,
		"with her name and another's secret": ada.ID + "." + eve.Secret, "without a secret": ada.ID + ".", "with dots": ".", "only the secret": ada.Secret,
	} {
		for _, q := range attempts {
			code, text := r.try(someone, bearer, q)
			require.Contains(t, []int{401, 403, 307, 301}, code, "%s: %s %s: %s", who, q.method, q.path, text)
			require.NotContains(t, text, "Ada", who)
		}
	}
	// The page shows who is not the instructor nothing of the class.
	_, text := r.try(someone, eve.bearer, request{"GET", "/", ""})
	require.Contains(t, text, "Instructor")
	require.NotContains(t, text, "Ada")

	// What they tried changed nothing.
	marks, err := r.instructor().Export(t.Context())
	require.NoError(t, err)
	require.Len(t, marks.Marks, 1)
	require.Equal(t, 5.0, marks.Marks[0].Points)
	require.Equal(t, map[string][]string{ada.ID: {secretWork.Key}, eve.ID: {}}, marks.Submissions)
	require.Contains(t, r.audit.String(), fmt.Sprintf(`"actor":"%s","address":"127.0.0.1","outcome":"refused","about":"%s"`, eve.ID, ada.ID), "the try is in the audit log")

	// The owner gets all of it.
	for _, q := range attempts[:2] {
		code, _ := r.try(someone, ada.bearer, q)
		require.Equal(t, 200, code, q.path)
	}
}

func TestTokensAreInNoLog(t *testing.T) {
	r := serve(t, nil)
	ada := r.join("Ada")
	_, err := ada.Submit(t.Context(), ada.ID, work(t, 5))
	require.NoError(t, err)
	web := r.browser()
	for _, q := range []request{
		{"POST", "/api/join", `{"token":"` + r.tokens.Join + `","name":"Ada"}`},
		{"POST", "/api/join", `{"token":"` + r.tokens.Join + `","name":7}`},
		{"POST", "/api/join", `{"` + r.tokens.Join + `":1}`},
		{"POST", "/api/join", `{"token":"` + r.tokens.Instructor + `","name":"Eve"}`},
		{"GET", "/api/roster", ""},
		{"DELETE", "/api/students/" + ada.Secret, ""},
	} {
		r.try(web, ada.bearer, q)
	}
	login, err := web.PostForm(r.link.Server+"/login", url.Values{"token": {r.tokens.Instructor}})
	require.NoError(t, err)
	require.NoError(t, login.Body.Close())
	require.Equal(t, http.StatusSeeOther, login.StatusCode)
	wrong, err := web.PostForm(r.link.Server+"/login", url.Values{"token": {ada.Secret}})
	require.NoError(t, err)
	require.NoError(t, wrong.Body.Close())
	reset, err := r.instructor().Reset(t.Context(), ada.ID)
	require.NoError(t, err)
	// A broken TLS handshake, which the server itself logs.
	plain, err := http.Get(strings.Replace(r.link.Server, "https", "http", 1))
	require.NoError(t, err)
	require.NoError(t, plain.Body.Close())

	logs := r.audit.String() + r.errors.String()
	require.Contains(t, logs, `"action":"join"`)
	require.Contains(t, logs, `"action":"login","actor":"instructor"`)
	require.Contains(t, logs, `"action":"reset"`)
	for name, token := range map[string]string{"join": r.tokens.Join, "instructor": r.tokens.Instructor, "student": ada.Secret, "new": reset.Secret} {
		require.NotContains(t, logs, token, name)
	}
	// Nor in the database.
	copied, err := r.store.Snapshot(t.Context())
	require.NoError(t, err)
	defer copied.Close()
	database, err := io.ReadAll(copied)
	require.NoError(t, err)
	require.True(t, bytes.Contains(database, []byte(ada.ID)))
	for name, token := range map[string]string{"join": r.tokens.Join, "instructor": r.tokens.Instructor, "student": ada.Secret, "new": reset.Secret} {
		require.False(t, bytes.Contains(database, []byte(token)), name)
	}
}

func TestALostSecretIsReplacedAndARemovedStudentIsOut(t *testing.T) {
	r := serve(t, nil)
	ada := r.join("Ada")
	fresh, err := r.instructor().Reset(t.Context(), ada.ID)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := ada.Submit(t.Context(), ada.ID, work(t, 5))
		return err != nil && status(t, err) == http.StatusUnauthorized
	}, time.Minute, 10*time.Millisecond, "the old secret is void")
	again := r.client(ada.ID + "." + fresh.Secret)
	_, err = again.Submit(t.Context(), ada.ID, work(t, 5))
	require.NoError(t, err)
	require.NoError(t, r.instructor().Remove(t.Context(), ada.ID))
	_, err = again.Submit(t.Context(), ada.ID, work(t, 5))
	require.Equal(t, http.StatusUnauthorized, status(t, err))
	require.Equal(t, http.StatusNotFound, status(t, r.instructor().Remove(t.Context(), ada.ID)))
	r.join("Ada")
}

func TestWhatIsMalformedIsRefused(t *testing.T) {
	r := serve(t, nil)
	ada := r.join("Ada")
	s := work(t, 5)
	good, err := json.Marshal(s)
	require.NoError(t, err)
	for name, q := range map[string]request{
		"no JSON":          {"PUT", s.Key, "{"},
		"unknown field":    {"PUT", s.Key, `{"student":"other",` + string(good[1:])},
		"something behind": {"PUT", s.Key, string(good) + "{}"},
		"another key":      {"PUT", secret.Key(), string(good)},
		"too many points":  {"PUT", s.Key, strings.Replace(string(good), `"points":5`, `"points":6`, 1)},
	} {
		code, text := r.try(r.browser(), ada.bearer, request{q.method, "/api/students/" + ada.ID + "/submissions/" + q.path, q.body})
		require.Equal(t, http.StatusBadRequest, code, "%s: %s", name, text)
	}
	code, _ := r.try(r.browser(), ada.bearer, request{"PUT", "/api/students/" + ada.ID + "/submissions/" + s.Key, `{"lab":"` + strings.Repeat("x", class.MaxBody) + `"}`})
	require.Equal(t, http.StatusRequestEntityTooLarge, code)
	_, err = ada.Submit(t.Context(), ada.ID, s)
	require.NoError(t, err)
	s.Exercises = map[string]class.Exercise{"share": {Attempts: 1, Worth: 5}}
	s.Evidence = nil
	_, err = ada.Submit(t.Context(), ada.ID, s)
	require.Equal(t, http.StatusConflict, status(t, err))
	_, err = r.client("").Join(t.Context(), r.link.Token, "\u202eAda")
	require.Equal(t, http.StatusBadRequest, status(t, err))
}

func TestTheLimitsHoldForEachStudentAndAddress(t *testing.T) {
	fixed := time.Now()
	r := serve(t, func(o *Options) {
		o.Student, o.Failure = Rate{PerSecond: 1, Burst: 3}, Rate{PerSecond: 1, Burst: 2}
		o.Now = func() time.Time { return fixed } // no token comes back
	})
	ada, grace := r.join("Ada"), r.join("Grace")
	for range 3 {
		_, err := ada.Submit(t.Context(), ada.ID, work(t, 1))
		require.NoError(t, err)
	}
	_, err := ada.Submit(t.Context(), ada.ID, work(t, 1))
	require.Equal(t, http.StatusTooManyRequests, status(t, err))
	require.True(t, client.Later(err))
	_, err = grace.Submit(t.Context(), grace.ID, work(t, 1))
	require.NoError(t, err, "another student is not held up")

	web := r.browser()
	for i := range 4 {
		code, _ := r.try(web, "guess", request{"GET", "/api/roster", ""})
		require.Equal(t, []int{401, 401, 429, 429}[i], code)
	}
	before := strings.Count(r.audit.String(), "refused")
	require.Equal(t, 2, before, "guesses do not fill the log")
	_, err = r.instructor().Roster(t.Context())
	require.NoError(t, err, "whoever has the token is let in from the same address")
}

func TestAllRequestsOfAnAddressAreLimited(t *testing.T) {
	fixed := time.Now()
	r := serve(t, func(o *Options) {
		o.Address = Rate{PerSecond: 1, Burst: 5}
		o.Now = func() time.Time { return fixed }
	})
	for i := range 7 {
		code, _ := r.try(r.browser(), "", request{"GET", "/api/class", ""})
		require.Equal(t, i >= 5, code == http.StatusTooManyRequests, i)
	}
}

func TestForgottenBucketsAreFull(t *testing.T) {
	now := time.Now()
	b := newBuckets(Rate{PerSecond: 1, Burst: 2}, func() time.Time { return now })
	for i := range mostBuckets {
		require.True(t, b.take(fmt.Sprint(i)))
	}
	require.False(t, b.take("one more"), "all are in use")
	now = now.Add(2 * time.Second)
	require.True(t, b.take("one more"))
	require.Len(t, b.held, 1)
}

func TestThePageKeepsToItself(t *testing.T) {
	r := serve(t, nil)
	r.join("<script>alert(1)</script>")
	web := r.browser()
	login, err := web.PostForm(r.link.Server+"/login", url.Values{"token": {r.tokens.Instructor}})
	require.NoError(t, err)
	require.NoError(t, login.Body.Close())
	cookie := login.Header.Get("Set-Cookie")
	for _, want := range []string{"__Host-class=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"} {
		require.Contains(t, cookie, want)
	}
	require.NotContains(t, cookie, r.tokens.Instructor)
	require.Eventually(t, func() bool {
		_, text := r.try(web, "", request{"GET", "/", ""})
		return strings.Contains(text, "&lt;script&gt;alert(1)")
	}, time.Minute, 10*time.Millisecond)

	answer, err := web.Get(r.link.Server + "/")
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, policy, answer.Header.Get("Content-Security-Policy"))
	require.NotContains(t, policy, "unsafe")
	require.NotContains(t, policy, "http")
	require.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	require.NotContains(t, string(text), "<b>101</b>", "names are text")
	require.NotContains(t, string(text), " style=")
	require.NotContains(t, string(text), "onclick")
	require.Equal(t, 1, strings.Count(string(text), "<script"), "one script, from its file")

	// Another site that makes the browser send a form is refused, ticket or not.
	foreign, err := http.NewRequestWithContext(t.Context(), "DELETE", r.link.Server+"/api/students/x", nil)
	require.NoError(t, err)
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	refusedAnswer, err := web.Do(foreign)
	require.NoError(t, err)
	require.NoError(t, refusedAnswer.Body.Close())
	require.Equal(t, http.StatusForbidden, refusedAnswer.StatusCode)

	code, _ := r.try(web, "", request{"GET", "/static/home.html", ""})
	require.Equal(t, http.StatusNotFound, code, "templates are not files to fetch")
}

func TestNewTokensVoidTheOldOnesAndKeepTheStudents(t *testing.T) {
	r := serve(t, nil)
	ada := r.join("Ada")
	_, fresh, made, err := Prepare(t.Context(), r.store, "", true, time.Now())
	require.NoError(t, err)
	require.True(t, made)
	require.NotEqual(t, r.tokens, fresh)
	require.Eventually(t, func() bool {
		_, err := r.client(fresh.Instructor).Roster(t.Context())
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	_, err = r.instructor().Roster(t.Context())
	require.Equal(t, http.StatusUnauthorized, status(t, err))
	_, err = r.client("").Join(t.Context(), r.tokens.Join, "Eve")
	require.Equal(t, http.StatusUnauthorized, status(t, err))
	_, err = ada.Submit(t.Context(), ada.ID, work(t, 5))
	require.NoError(t, err)
	kept, _, made, err := Prepare(t.Context(), r.store, "other", false, time.Now())
	require.NoError(t, err)
	require.False(t, made)
	require.Equal(t, "Systems <b>101</b>", kept.Name)
	require.True(t, fresh.Known(kept))
	require.False(t, r.tokens.Known(kept))
}

func TestAPageThatWatchesIsToldOfChanges(t *testing.T) {
	r := serve(t, nil)
	web := r.browser()
	login, err := web.PostForm(r.link.Server+"/login", url.Values{"token": {r.tokens.Instructor}})
	require.NoError(t, err)
	require.NoError(t, login.Body.Close())
	answer, err := web.Get(r.link.Server + "/live")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	next := func() string {
		b := make([]byte, 1000)
		n, err := answer.Body.Read(b)
		require.NoError(t, err)
		return string(b[:n])
	}
	require.Contains(t, next(), "event: board")
	r.join("Ada")
	require.Contains(t, next(), "event: board")
	code, text := r.try(web, "", request{"GET", "/board", ""})
	require.Equal(t, 200, code)
	require.Contains(t, text, "Ada")
}

func TestABackupOverTheAPIMakesTheClassAgain(t *testing.T) {
	r := serve(t, nil)
	ada := r.join("Ada")
	var copied bytes.Buffer
	n, err := r.instructor().Backup(t.Context(), &copied)
	require.NoError(t, err)
	require.Equal(t, int64(copied.Len()), n)
	require.True(t, bytes.Contains(copied.Bytes(), []byte(ada.ID)))
}

func TestARecordHasAnEnd(t *testing.T) {
	r := serve(t, func(o *Options) { o.Student = Rate{PerSecond: 1000, Burst: 1000} })
	ada := r.join("Ada")
	full := func(lab string) error {
		s := class.Submission{Version: class.Version, Key: secret.Key(), Lab: lab, Time: time.Now(), Exercises: map[string]class.Exercise{}}
		for i := range class.MaxExercises {
			s.Exercises[fmt.Sprintf("x%d", i)] = class.Exercise{Attempts: 1, Worth: 1}
		}
		_, err := ada.Submit(t.Context(), ada.ID, s)
		return err
	}
	for i := range mostTouched / class.MaxExercises {
		require.NoError(t, full(fmt.Sprintf("lab-%d", i)))
	}
	require.Eventually(t, func() bool {
		err := full("one-more")
		return err != nil && status(t, err) == http.StatusForbidden
	}, time.Minute, 10*time.Millisecond)
}

// claim is a submission with evidence of its own.
func claim(t *testing.T, points float64, evidence string, with bool) class.Submission {
	t.Helper()
	packed, err := class.Pack([]byte(evidence))
	require.NoError(t, err)
	passed := time.Now().UTC()
	s := class.Submission{Version: class.Version, Key: secret.Key(), Lab: "cache", Time: passed,
		Exercises: map[string]class.Exercise{"share": {Attempts: 1, Points: points, Worth: 5, Passed: &passed, Evidence: packed.Digest}}}
	if with {
		s.Evidence = map[string]class.Evidence{"share": packed}
	}
	return s
}

func TestTheServerGradesEvidenceItselfAndMarksWhatDoesNotMatch(t *testing.T) {
	held := make(chan struct{})
	r := serve(t, func(o *Options) {
		o.Judge = func(lab, exercise string, compressed []byte, digest string) class.Judgement {
			text, err := class.Unpack(compressed, digest)
			switch {
			case err != nil || lab != "cache" || exercise != "share":
				return class.Judgement{Verdict: class.Unclear}
			case string(text) == "slow":
				<-held
			case string(text) == "bad":
				return class.Judgement{Verdict: class.Contradicted, Why: "it measured something else"}
			}
			return class.Judgement{Verdict: class.Confirmed, Points: 3}
		}
	})
	students := map[string]class.Submission{
		"honest": claim(t, 3, "good", true), "greedy": claim(t, 5, "better", true), "wrong": claim(t, 3, "bad", true),
		"copied": claim(t, 3, "same", true), "copier": claim(t, 3, "same", true), "empty": claim(t, 3, "nothing", false),
	}
	ids := map[string]string{}
	for name, s := range students {
		m := r.join(name)
		ids[m.ID] = name
		_, err := m.Submit(t.Context(), m.ID, s)
		require.NoError(t, err)
	}
	want := map[string]class.Verdict{"honest": class.Confirmed, "greedy": class.Contradicted, "wrong": class.Contradicted, "copied": class.Shared, "copier": class.Shared, "empty": class.Missing}
	judged := func() map[string]class.Verdict {
		marks, err := r.instructor().Export(t.Context())
		require.NoError(t, err)
		found := map[string]class.Verdict{}
		for _, m := range marks.Marks {
			found[ids[m.Student]] = m.Judged
		}
		return found
	}
	require.Eventually(t, func() bool { return maps.Equal(want, judged()) }, time.Minute, 20*time.Millisecond)
	view, err := r.instructor().Roster(t.Context())
	require.NoError(t, err)
	for _, row := range view.Students {
		require.Equal(t, want[row.Name].Doubtful(), row.Doubtful == 1, row.Name)
	}

	// A piece that takes long holds nobody up: what is handed in is acknowledged, and pending.
	slow := r.join("slow")
	ids[slow.ID] = "slow"
	_, err = slow.Submit(t.Context(), slow.ID, claim(t, 3, "slow", true))
	require.NoError(t, err)
	want["slow"] = class.Pending
	require.True(t, maps.Equal(want, judged()))
	close(held)
	want["slow"] = class.Confirmed
	require.Eventually(t, func() bool { return maps.Equal(want, judged()) }, time.Minute, 20*time.Millisecond)
}
