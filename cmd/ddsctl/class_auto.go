package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/scenarios/class/client"
)

// autoPatience is how long a command that is about something else waits for the class.
const autoPatience = 3 * time.Second

// submitFlag gives cmd the flag that keeps what is passed on this machine.
func submitFlag(cmd *cobra.Command, no *bool) {
	cmd.Flags().BoolVar(no, "no-submit", false, "do not hand in to your class what is passed now; `ddsctl class submit` does")
}

// submitPassed hands in what was just passed in a lab, where the learner has joined a class. Whatever becomes of that, the command that found the exercise passed goes on: what is
// not taken now waits on disk.
func (a *app) submitPassed(ctx context.Context, lab string, no bool) {
	m, err := client.LoadMember(memberFile())
	switch {
	case no, errors.Is(err, client.ErrNoMember), err == nil && m.ByHand:
		return
	case err != nil:
		a.say("not submitted: %v", err)
		return
	}
	q, err := a.queueUp(ctx, m, []string{lab})
	if err != nil {
		a.say("not submitted: %v", err)
		return
	}
	sent, failure := sendQueued(ctx, m, q, autoPatience, 0)
	taken := 0
	for _, s := range sent {
		if s.Refused != nil {
			a.say("refused by %s: %v (kept in %s)", m.Class, s.Refused, s.File)
			continue
		}
		taken++
	}
	if taken > 0 {
		a.say("handed in to %s", m.Class)
	}
	if waiting, err := q.Len(); err == nil && failure != nil && waiting > 0 {
		a.say("%s does not take it now: %v", m.Class, failure)
		a.say("%d %s on this disk, and will be sent with the next one, or by `ddsctl class submit`", waiting, one(waiting, "submission waits", "submissions wait"))
	}
}

func newClassAutoCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:       "auto on|off",
		Short:     "Say whether what you pass is handed in by itself",
		Long:      `Where you have joined a class, "exercise check", "answer" and "watch" hand in what you pass. With off nothing leaves this machine before you say "class submit".`,
		Example:   `  ddsctl class auto off`,
		Args:      positional(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: []string{"on", "off"},
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := client.LoadMember(memberFile())
			if err != nil {
				return err
			}
			m.ByHand = args[0] == "off"
			if err := m.Save(memberFile()); err != nil {
				return err
			}
			if m.ByHand {
				a.say("nothing is handed in to %s before you say `ddsctl class submit`", m.Class)
			} else {
				a.say("what you pass is handed in to %s", m.Class)
			}
			return nil
		},
	}
}
