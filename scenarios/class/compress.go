package class

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// maxUnpacked is how many bytes evidence has at most when it is unpacked: what is made to burst is refused.
const maxUnpacked = 16 << 20

// ErrTooLarge says that evidence does not fit into a submission.
var ErrTooLarge = errors.New("the evidence is too large to be submitted")

// Digest is the SHA-256 of evidence, in hexadecimal.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Pack compresses evidence for a submission.
func Pack(text []byte) (Evidence, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return Evidence{}, err
	}
	if _, err := w.Write(text); err != nil {
		return Evidence{}, err
	}
	if err := w.Close(); err != nil {
		return Evidence{}, err
	}
	if b.Len() > MaxEvidenceBytes || len(text) > maxUnpacked {
		return Evidence{}, ErrTooLarge
	}
	return Evidence{Digest: Digest(text), Gzip: b.Bytes()}, nil
}

// Unpack gives the evidence's JSON, and refuses what does not have the digest.
func Unpack(compressed []byte, digest string) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("unpack evidence: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if err != nil {
		return nil, fmt.Errorf("unpack evidence: %w", err)
	}
	if len(text) > maxUnpacked {
		return nil, fmt.Errorf("unpack evidence: more than %d bytes", maxUnpacked)
	}
	if Digest(text) != digest {
		return nil, errors.New("unpack evidence: it has another digest than was said")
	}
	return text, nil
}
