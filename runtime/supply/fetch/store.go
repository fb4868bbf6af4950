package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/adrg/xdg"
	"golang.org/x/sync/errgroup"

	"github.com/ddsctl/ddsctl/runtime/wholefile"
)

// Bounds of one fetch: they keep a server that says nothing, or never ends, from holding up a build.
const (
	mostBytes = 512 << 20
	mostTime  = 10 * time.Minute
	tries     = 3
	atOnce    = 4
)

// Store keeps what was fetched. The zero value does so in the user's cache folder.
type Store struct {
	// Folder is where files are kept, each called by its SHA-256; "" is ddsctl/fetched in the user's cache.
	Folder string
	// Client fetches; nil is http.DefaultClient, which uses the machine's proxies.
	Client *http.Client
	// Pause is the wait before a further try, twice as long before the last; 0 is half a second.
	Pause time.Duration
}

// Get makes sure that the files are there, and returns where each lies, by name. Say, which may be nil, is told of each file that is fetched, by several
// goroutines at a time. What was kept and is damaged is fetched anew.
func (s Store) Get(ctx context.Context, files []File, say func(name string)) (map[string]string, error) {
	if s.Folder == "" {
		s.Folder = filepath.Join(xdg.CacheHome, "ddsctl", "fetched")
	}
	if s.Client == nil {
		s.Client = http.DefaultClient
	}
	if s.Pause == 0 {
		s.Pause = 500 * time.Millisecond
	}
	if say == nil {
		say = func(string) {}
	}
	if err := os.MkdirAll(s.Folder, 0o755); err != nil {
		return nil, fmt.Errorf("keep fetched files: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	paths := map[string]string{}
	for _, f := range files {
		path := filepath.Join(s.Folder, f.Sum)
		paths[f.Name] = path
		group.Go(func() error {
			if intact(path, f.Sum) {
				return nil
			}
			say(f.Name)
			return s.fetch(ctx, f, path)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return paths, nil
}

// intact says whether what was kept is what was asked for.
func intact(path, sum string) bool {
	file, err := os.Open(path) //nolint:gosec // a file of the cache
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	return err == nil && hex.EncodeToString(hash.Sum(nil)) == sum
}

// fetch tries a few times, unless the server says that a further try is in vain.
func (s Store) fetch(ctx context.Context, f File, path string) error {
	pause := s.Pause
	for try := 1; ; try++ {
		err := s.once(ctx, f, path)
		var final *finalError
		if err == nil || errors.As(err, &final) || try == tries || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		pause *= 2
	}
}

// finalError is one that a further try does not mend.
type finalError struct{ text string }

func (e *finalError) Error() string { return e.text }

func (s Store) once(ctx context.Context, f File, path string) error {
	ctx, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, http.NoBody)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", f.URL, err)
	}
	answer, err := s.Client.Do(request)
	if err != nil {
		return fmt.Errorf("fetch %s: %w", f.Name, err)
	}
	defer func() { _ = answer.Body.Close() }()
	switch code := answer.StatusCode; {
	case code >= 500 || code == http.StatusTooManyRequests:
		return fmt.Errorf("fetch %s: %s", f.URL, answer.Status)
	case code != http.StatusOK:
		return &finalError{fmt.Sprintf("fetch %s: %s", f.URL, answer.Status)}
	}
	return wholefile.Write(path, 0o644, func(w io.Writer) error {
		hash := sha256.New()
		n, err := io.Copy(io.MultiWriter(w, hash), io.LimitReader(answer.Body, mostBytes+1))
		if err != nil {
			return fmt.Errorf("fetch %s: %w", f.URL, err)
		}
		if n > mostBytes {
			return &finalError{fmt.Sprintf("fetch %s: more than %d MB", f.URL, mostBytes>>20)}
		}
		if got := hex.EncodeToString(hash.Sum(nil)); got != f.Sum {
			return &finalError{fmt.Sprintf("fetch %s: its SHA-256 is %s and should be %s: this is not the file that was meant", f.URL, got, f.Sum)}
		}
		return nil
	})
}
