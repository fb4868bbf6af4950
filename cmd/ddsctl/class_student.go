package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	account "os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/client"
	"github.com/ddsctl/ddsctl/scenarios/class/gather"
	"github.com/ddsctl/ddsctl/scenarios/class/queue"
	"github.com/ddsctl/ddsctl/scenarios/exercise/progress"
)

// submitPatience is how long one try to reach the server takes at most.
const submitPatience = 20 * time.Second

func memberFile() string { return filepath.Join(classState(), "member.json") }

func newClassJoinCommand(a *app) *cobra.Command {
	var name, id string
	var again bool
	cmd := &cobra.Command{
		Use:   "join LINK",
		Short: "Join a class with the link that the instructor gave you",
		Long: `Joins a class. Your secret is kept below XDG_STATE_HOME; nobody else can submit for you. When it is lost, your instructor makes a new one
(ddsctl class roster --reset NAME), which you take with --as ID; the secret is then read from standard input.`,
		Example: `  ddsctl class join 'https://192.0.2.1:8443/join#token=...&ca=...' --name 'Ada Lovelace'
  ddsctl class join 'https://192.0.2.1:8443/join#token=...&ca=...' --as 0123456789abcdef < secret`,
		Args: positional(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			link, err := client.ParseLink(args[0])
			if err != nil {
				return usagef("%w", err)
			}
			if old, err := client.LoadMember(memberFile()); err == nil && !again && id == "" {
				return hint.Wrap(fmt.Errorf("you are in %s already, as %s", old.Class, old.Name), "--again joins another class; what was submitted stays with the old one")
			}
			if id != "" {
				return a.classReturn(cmd.Context(), link, id)
			}
			return a.classJoin(cmd.Context(), link, name)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "your name, as the instructor knows it (default: that of your account)")
	cmd.Flags().BoolVar(&again, "again", false, "join although you are in a class")
	cmd.Flags().StringVar(&id, "as", "", "the ID of a student who has a new secret, which is read from standard input")
	return cmd
}

func (a *app) classJoin(ctx context.Context, link client.Link, name string) error {
	if link.Token == "" {
		return hint.Wrap(usagef("the link has no token"), "copy the whole link, with all that is behind its #, and put it into single quotes")
	}
	if name == "" {
		me, err := account.Current()
		if err != nil || strings.TrimSpace(me.Name) == "" {
			return usagef("what is your name? --name 'NAME'")
		}
		name = me.Name
	}
	c, err := client.New(link, "")
	if err != nil {
		return err
	}
	defer c.Close()
	joined, err := c.Join(ctx, link.Token, name)
	var refusal *client.Refusal
	switch {
	case errors.As(err, &refusal) && refusal.Status == http.StatusConflict:
		return hint.Wrap(err, "take another name, or ask your instructor for a new secret if it is you who has it")
	case err != nil:
		return err
	}
	return a.keepMember(link, joined)
}

func (a *app) classReturn(ctx context.Context, link client.Link, id string) error {
	var key string
	if _, err := fmt.Fscan(a.stdin, &key); err != nil {
		return fmt.Errorf("read the secret from standard input: %w", err)
	}
	m := client.Member{Joined: class.Joined{ID: id, Secret: key}, Server: link.Server, Pin: link.Pin}
	c, err := m.Open()
	if err != nil {
		return err
	}
	defer c.Close()
	row, err := c.Student(ctx, id)
	if err != nil {
		return err
	}
	info, err := c.Info(ctx)
	if err != nil {
		return err
	}
	return a.keepMember(link, class.Joined{ID: id, Secret: key, Name: row.Name, Class: info.Class})
}

func (a *app) keepMember(link client.Link, joined class.Joined) error {
	m := client.Member{Joined: joined, Server: link.Server, Pin: link.Pin}
	if err := m.Save(memberFile()); err != nil {
		return err
	}
	a.say("you are in %s, as %s", joined.Class, joined.Name)
	return nil
}

// submitResult is the JSON form of what `class submit` did: part of the contract.
type submitResult struct {
	Sent    []class.Receipt `json:"sent"`
	Waiting int             `json:"waiting"`
	Refused []refusedResult `json:"refused"`
}

type refusedResult struct {
	File string `json:"file"`
	Why  string `json:"why"`
}

func newClassSubmitCommand(a *app) *cobra.Command {
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "submit [LAB...]",
		Short: "Hand in what you have done, and what waits from before",
		Long: `Hands in points, attempts, and the evidence of exercises that you passed, of all labs or of those named. What has not changed since the last
time is not sent again. Where the server is not reached, submissions wait on disk for the next "class submit"; --wait keeps trying for a while.
Exit code 4 when the server refuses something for good.`,
		Example: `  ddsctl class submit
  ddsctl class submit sharded-redis --wait 10m`,
		Args:              positional(cobra.ArbitraryArgs),
		ValidArgsFunction: completeFirst(completeSlugs),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.classSubmit(cmd.Context(), args, patience)
		},
	}
	cmd.Flags().DurationVar(&patience, "wait", 0, "how long to keep trying when the server is not reached")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) classSubmit(ctx context.Context, names []string, patience time.Duration) error {
	m, err := client.LoadMember(memberFile())
	if err != nil {
		return err
	}
	q, err := a.queueUp(ctx, m, names)
	if err != nil {
		return err
	}
	sent, failure := sendQueued(ctx, m, q, submitPatience, patience)
	return a.saySubmitted(m, q, sent, failure)
}

// queueUp puts what has changed in these labs, or in all of them, into the student's queue.
func (a *app) queueUp(ctx context.Context, m client.Member, names []string) (queue.Queue, error) {
	q, err := queue.Open(filepath.Join(classState(), "queue", m.ID))
	if err != nil {
		return q, err
	}
	done := progress.New("", nil)
	if len(names) == 0 {
		if names, err = done.Labs(); err != nil {
			return q, err
		}
	}
	queued, err := gather.Into(q, done, names, worths(ctx), time.Now())
	if err != nil {
		return q, err
	}
	for _, problem := range queued.Skipped {
		a.say("not submitted: %v", problem)
	}
	for _, id := range queued.Left {
		a.say("%s: its evidence is too large to be submitted; its points are", id)
	}
	return q, nil
}

// sendQueued sends what waits. A try takes no longer than each; patience is for how long it is tried again.
func sendQueued(ctx context.Context, m client.Member, q queue.Queue, each, patience time.Duration) ([]queue.Sent, error) {
	c, err := m.Open()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return q.SendPatiently(ctx, func(ctx context.Context, s class.Submission) (class.Receipt, error) {
		ctx, cancel := context.WithTimeout(ctx, each)
		defer cancel()
		receipt, err := c.Submit(ctx, m.ID, s)
		return receipt, void(err)
	}, func(err error) bool { return errors.Is(err, errVoid) || client.Later(err) }, patience)
}

// errVoid says that the server does not know the student: no submission can help that, and none is lost to it.
var errVoid = errors.New("the class does not know your secret")

func void(err error) error {
	var refusal *client.Refusal
	if errors.As(err, &refusal) && refusal.Status == http.StatusUnauthorized {
		return hint.Wrap(errVoid, "ask your instructor whether you were removed, or for a new secret (ddsctl class roster --reset NAME)")
	}
	return err
}

func (a *app) saySubmitted(m client.Member, q queue.Queue, sent []queue.Sent, failure error) error {
	result := submitResult{Sent: []class.Receipt{}, Refused: []refusedResult{}}
	rows := [][]string{}
	for _, s := range sent {
		if s.Refused != nil {
			result.Refused = append(result.Refused, refusedResult{File: s.File, Why: s.Refused.Error()})
			a.say("refused: %v (kept in %s)", s.Refused, s.File)
			continue
		}
		result.Sent = append(result.Sent, s.Receipt)
		rows = append(rows, []string{s.Receipt.Lab, fmt.Sprint(s.Receipt.Passed), points(s.Receipt.Points), output.Age(time.Since(s.Receipt.Received))})
	}
	var err error
	if result.Waiting, err = q.Len(); err != nil {
		return err
	}
	if a.format != output.Table || len(rows) > 0 {
		if err := a.print(result, []string{"LAB", "PASSED", "POINTS", "RECEIVED"}, rows); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(failure, errVoid), failure != nil && os.IsPermission(failure):
		return failure
	case failure != nil && result.Waiting > 0:
		a.say("%s is not reached: %v", m.Class, failure)
		a.say("%d %s on this disk, and will be sent by the next `ddsctl class submit`", result.Waiting, one(result.Waiting, "submission waits", "submissions wait"))
	case failure != nil:
		return failure
	case len(sent) == 0:
		a.say("nothing new since the last time")
	}
	return unmet(len(result.Refused) == 0)
}

func one(n int, single, many string) string {
	if n == 1 {
		return single
	}
	return many
}

// worths tells what the exercises of labs are worth, 0 where a lab is not here.
func worths(ctx context.Context) func(lab, id string) int {
	known := map[string]map[string]int{}
	return func(name, id string) int {
		if known[name] == nil {
			known[name] = map[string]int{}
			if lab, err := (openOptions{}).open(ctx, name); err == nil && lab.Format != nil {
				for _, e := range lab.Format.Exercises {
					known[name][e.ID] = e.Worth()
				}
			}
		}
		return known[name][id]
	}
}
