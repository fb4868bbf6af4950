package format

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/invopop/jsonschema"
)

// What stands sealed in a lab.yaml is behind a curtain, not behind a lock: whoever has the file has all that is needed to open it, and
// `ddsctl exercise answer --reveal` does. It keeps a learner who scrolls through the file from reading the answer by accident.

// SaltSize is how many random bytes a seal takes.
const SaltSize = 12

// Answer is the key of the right choice, in clear or as a salted hash.
type Answer struct{ value string }

// Secret is a text, in clear or sealed.
type Secret struct{ value string }

// sealMark begins what is sealed. No clear text may begin so.
const sealMark = "sealed:"

// SealAnswer hides the right choice of an exercise. Salt has SaltSize random bytes.
func SealAnswer(exercise, choice string, salt []byte) Answer {
	sum := sha256.Sum256(fmt.Appendf(nil, "ddsctl answer\x00%s\x00%s\x00%s", salt, exercise, choice))
	return Answer{sealMark + base64.RawStdEncoding.EncodeToString(append(append([]byte(nil), salt...), sum[:16]...))}
}

// ClearAnswer is a choice in clear.
func ClearAnswer(choice string) Answer { return Answer{choice} }

// IsZero says that there is no answer.
func (a Answer) IsZero() bool { return a.value == "" }

// Sealed says that the answer cannot be read in clear.
func (a Answer) Sealed() bool { return isSealed(a.value) }

// Is says whether choice is the right one.
func (a Answer) Is(exercise, choice string) bool {
	if !a.Sealed() {
		return a.value != "" && a.value == choice
	}
	raw, err := unseal(a.value)
	if err != nil || len(raw) != SaltSize+16 {
		return false
	}
	want := SealAnswer(exercise, choice, raw[:SaltSize])
	return subtle.ConstantTimeCompare([]byte(want.value), []byte(a.value)) == 1
}

// Reveal is the right one of the choices, and false when it is none of them.
func (a Answer) Reveal(exercise string, choices []Choice) (Choice, bool) {
	for _, c := range choices {
		if a.Is(exercise, c.Key) {
			return c, true
		}
	}
	return Choice{}, false
}

// SealText hides a text of an exercise. Salt has SaltSize random bytes.
func SealText(exercise, text string, salt []byte) (Secret, error) {
	aead, err := curtain(exercise)
	if err != nil {
		return Secret{}, err
	}
	if len(salt) != SaltSize {
		return Secret{}, fmt.Errorf("a salt has %d bytes, not %d", SaltSize, len(salt))
	}
	box := aead.Seal(append([]byte(nil), salt...), salt, []byte(text), nil)
	return Secret{sealMark + base64.RawStdEncoding.EncodeToString(box)}, nil
}

// ClearText is a text in clear.
func ClearText(text string) Secret { return Secret{text} }

// IsZero says that there is no text.
func (s Secret) IsZero() bool { return s.value == "" }

// Sealed says that the text cannot be read in clear.
func (s Secret) Sealed() bool { return isSealed(s.value) }

// Open is the text in clear. Exercise must be the one that it was sealed for.
func (s Secret) Open(exercise string) (string, error) {
	if !s.Sealed() {
		return s.value, nil
	}
	raw, err := unseal(s.value)
	if err != nil {
		return "", err
	}
	aead, err := curtain(exercise)
	if err != nil {
		return "", err
	}
	if len(raw) < SaltSize {
		return "", errors.New("the sealed text is cut off")
	}
	text, err := aead.Open(nil, raw[:SaltSize], raw[SaltSize:], nil)
	if err != nil {
		return "", fmt.Errorf("the sealed text was changed, or belongs to another exercise than %q", exercise)
	}
	return string(text), nil
}

func curtain(exercise string) (cipher.AEAD, error) {
	key := sha256.Sum256([]byte("ddsctl explanation\x00" + exercise))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func isSealed(value string) bool {
	return len(value) > len(sealMark) && value[:len(sealMark)] == sealMark
}

func unseal(value string) ([]byte, error) {
	raw, err := base64.RawStdEncoding.DecodeString(value[len(sealMark):])
	if err != nil {
		return nil, errors.New("what stands behind \"sealed:\" is not what `ddsctl lab seal` writes")
	}
	return raw, nil
}

// UnmarshalText reads an answer.
func (a *Answer) UnmarshalText(text []byte) error { return read(&a.value, text) }

// MarshalText writes the answer as it was read.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.value), nil }

// UnmarshalText reads a text.
func (s *Secret) UnmarshalText(text []byte) error { return read(&s.value, text) }

// MarshalText writes the text as it was read.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.value), nil }

func read(to *string, text []byte) error {
	if isSealed(string(text)) {
		if _, err := unseal(string(text)); err != nil {
			return err
		}
	}
	*to = string(text)
	return nil
}

// JSONSchema describes an answer to editors.
func (Answer) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Description: "the key of the right choice, or its salted hash behind sealed:"}
}

// JSONSchema describes a text to editors.
func (Secret) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Description: "a text in Markdown, or the same behind sealed:"}
}
