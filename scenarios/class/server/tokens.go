package server

import (
	"context"
	"errors"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/class/secret"
	"github.com/ddsctl/ddsctl/scenarios/class/store"
)

// Tokens are a class's tokens in the clear. The store has only their hashes.
type Tokens struct {
	Instructor string `json:"instructor"`
	Join       string `json:"join"`
}

// Prepare makes the class where there is none, and new tokens when renew says so; the old ones are void then, and students stay. made is
// false where the class was there: its tokens are not known here.
func Prepare(ctx context.Context, s *store.Store, name string, renew bool, now time.Time) (kept store.Class, tokens Tokens, made bool, err error) {
	kept, found, err := s.Class(ctx)
	if err != nil || found && !renew {
		return kept, Tokens{}, false, err
	}
	tokens = Tokens{Instructor: secret.Token(), Join: secret.Token()}
	fresh := store.Class{Name: name, Made: now.UTC(), Instructor: secret.Hash(tokens.Instructor), Join: secret.Hash(tokens.Join), Tickets: []byte(secret.Token())}
	if found {
		fresh.Made = kept.Made
		if name == "" {
			fresh.Name = kept.Name
		}
	}
	stored, err := s.SetClass(ctx, fresh, found)
	switch {
	case err != nil:
		return store.Class{}, Tokens{}, false, err
	case stored:
		return fresh, tokens, true, nil
	}
	// Another server was faster.
	if kept, found, err = s.Class(ctx); err == nil && !found {
		err = errors.New("the class was made and removed at once")
	}
	return kept, Tokens{}, false, err
}

// Known says whether these are the tokens of the class.
func (t Tokens) Known(c store.Class) bool { return c.Instructor.Is(t.Instructor) && c.Join.Is(t.Join) }
