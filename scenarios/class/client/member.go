package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wholefile"
	"github.com/ddsctl/ddsctl/scenarios/class"
)

// Member is a student's membership, as it is kept on the student's disk.
type Member struct {
	class.Joined
	Server string `json:"server"`
	Pin    string `json:"ca,omitempty"`
	// ByHand says that nothing is submitted but what the student submits.
	ByHand bool `json:"by_hand,omitempty"`
}

// ErrNoMember says that no class was joined.
var ErrNoMember = errors.New("you have not joined a class")

// LoadMember reads a membership. ErrNoMember where there is none.
func LoadMember(file string) (m Member, err error) {
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, hint.Wrap(ErrNoMember, "ddsctl class join LINK --name NAME, with the link that your instructor gave you")
	case err != nil:
		return m, fmt.Errorf("read your membership: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, hint.Wrap(fmt.Errorf("read your membership in %s: %w", file, err), "ask your instructor for a new secret (ddsctl class roster --reset NAME)")
	}
	return m, nil
}

// Save keeps a membership, readable by nobody else.
func (m Member) Save(file string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = WritePrivate(file, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep your membership: %w", err)
	}
	return nil
}

// WritePrivate writes a file whole or not at all, readable by its owner alone.
func WritePrivate(file string, text []byte) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return wholefile.Put(file, 0o600, text)
}

// Open is a client that acts as the student.
func (m Member) Open() (*Client, error) {
	return New(Link{Server: m.Server, Pin: m.Pin}, m.ID+"."+m.Secret)
}
