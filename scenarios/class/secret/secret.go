// Package secret makes the classroom's tokens, and recognises them again without keeping them.
//
// A token is 32 random bytes. With 256 bits of randomness a guess is hopeless however fast the hash is, so that one round of salted
// SHA-256 is right here: a slow password hash would only let strangers keep the server busy.
package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

const (
	tokenBytes = 32
	saltBytes  = 16
)

// Token is a new token: 43 letters that can stand in a link.
func Token() string {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// ID is a new name for something: 16 random hexadecimal digits.
func ID() string { return digits(8) }

// Key is a new key of a submission: 32 random hexadecimal digits.
func Key() string { return digits(16) }

func digits(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Hashed is what is kept of a token.
type Hashed struct {
	Salt []byte `json:"salt"`
	Hash []byte `json:"hash"`
}

// Hash is what is kept of a token, with a salt of its own.
func Hash(token string) Hashed {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	return Hashed{Salt: salt, Hash: sum(salt, token)}
}

func sum(salt []byte, token string) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(token))
	return h.Sum(nil)
}

// Is says whether that is the token, in a time that does not tell how much of it is right. A zero Hashed knows no token.
func (h Hashed) Is(token string) bool {
	same := subtle.ConstantTimeCompare(sum(h.Salt, token), h.Hash) == 1
	return same && len(h.Hash) == sha256.Size
}

// Sign gives a ticket that is good until a time: what a browser shows instead of the token.
func Sign(key []byte, until time.Time) string {
	body := strconv.FormatInt(until.Unix(), 10)
	return body + "." + base64.RawURLEncoding.EncodeToString(mac(key, body))
}

// Signed says whether a ticket was made with this key and is still good.
func Signed(key []byte, ticket string, now time.Time) bool {
	body, signature, found := strings.Cut(ticket, ".")
	got, err := base64.RawURLEncoding.DecodeString(signature)
	if !found || err != nil || len(key) == 0 || !hmac.Equal(got, mac(key, body)) {
		return false
	}
	until, err := strconv.ParseInt(body, 10, 64)
	return err == nil && now.Unix() < until
}

func mac(key []byte, body string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(body))
	return h.Sum(nil)
}
