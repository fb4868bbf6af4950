package progress

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ddsctl/ddsctl/runtime/wholefile"
)

// KeepEvidence keeps what was taken from the lab when an exercise was passed, so that it can be graded anew or handed in. The last one stays.
func (s Store) KeepEvidence(lab, id string, evidence []byte) error {
	file := s.evidence(lab, id)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("keep the evidence: %w", err)
	}
	if err := wholefile.Put(file, 0o600, evidence); err != nil {
		return fmt.Errorf("keep the evidence: %w", err)
	}
	return nil
}

// Evidence is what was kept for an exercise, nil where nothing was.
func (s Store) Evidence(lab, id string) ([]byte, error) {
	text, err := os.ReadFile(s.evidence(lab, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the evidence: %w", err)
	}
	return text, nil
}

func (s Store) evidence(lab, id string) string {
	return filepath.Join(s.dir, "evidence", plain(lab), plain(id)+".json")
}

// forgetEvidence forgets what was kept for an exercise, or for the whole lab where id is "".
func (s Store) forgetEvidence(lab, id string) error {
	if id == "" {
		return os.RemoveAll(filepath.Join(s.dir, "evidence", plain(lab)))
	}
	return os.RemoveAll(s.evidence(lab, id))
}
