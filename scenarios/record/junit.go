package record

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/ddsctl/ddsctl/scenarios/expect"
)

// The elements of a JUnit report, as CI systems read it.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Start    string      `xml:"timestamp,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Error   *junitMessage `xml:"error,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes runs as a JUnit report: a run a suite, an expectation a case. What fails is a failure; what could not be judged is
// an error, for it must not pass.
func JUnit(w io.Writer, records []Record) error {
	var all junitSuites
	for i, r := range records {
		name := r.Scenario
		if r.Variant != "" {
			name += "/" + r.Variant
		}
		if len(records) > 1 {
			name = fmt.Sprintf("%s#%d", name, i+1)
		}
		suite := junitSuite{Name: name, Time: fmt.Sprintf("%.3f", r.Duration().Seconds()), Start: r.Start.UTC().Format("2006-01-02T15:04:05")}
		add := func(name string, verdict expect.Verdict, message, text string) {
			c := junitCase{Name: name, Class: r.Lab + "." + r.Scenario}
			switch verdict {
			case expect.Fails:
				c.Failure = &junitMessage{message, text}
				suite.Failures++
			case expect.Unknown:
				c.Error = &junitMessage{message, text}
				suite.Errors++
			}
			suite.Tests++
			suite.Cases = append(suite.Cases, c)
		}
		for _, e := range r.Expectations {
			add(e.Text, e.Verdict, strings.TrimSpace("expected "+e.Expected+", measured "+orNothing(e.Measured)), e.Why)
		}
		for _, h := range r.Histories {
			add("history "+h.Name, h.Result.Verdict, h.Result.String(), strings.Join(h.Result.Why, "\n"))
		}
		for _, s := range r.Steps {
			switch s.State {
			case Failed:
				add("step "+s.Text, expect.Fails, s.Error, s.Output)
			case Skipped:
				add("step "+s.Text, expect.Unknown, s.Error, "")
			}
		}
		if r.Interrupted || r.Error != "" {
			add("run to the end", expect.Unknown, orNothing(r.Error), "")
		}
		all.Tests, all.Failures, all.Errors = all.Tests+suite.Tests, all.Failures+suite.Failures, all.Errors+suite.Errors
		all.Suites = append(all.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
