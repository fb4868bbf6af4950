package secret

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATokenIsRecognisedAndNoOther(t *testing.T) {
	token := Token()
	require.Len(t, token, 43)
	kept := Hash(token)
	require.True(t, kept.Is(token))
	require.False(t, kept.Is(Token()))
	require.False(t, kept.Is(""))
	require.False(t, kept.Is(token+"x"))
	require.NotContains(t, string(kept.Hash), token)
}

func TestTheSameTokenIsNeverKeptTheSameWay(t *testing.T) {
	require.NotEqual(t, Hash("a").Hash, Hash("a").Hash)
}

func TestNothingKeptKnowsNoToken(t *testing.T) {
	require.False(t, Hashed{}.Is(""))
	require.False(t, Hashed{}.Is("a"))
}

func TestATicketEndsAndCannotBeMade(t *testing.T) {
	key, now := []byte("key"), time.Unix(1000, 0)
	ticket := Sign(key, now.Add(time.Minute))
	require.True(t, Signed(key, ticket, now))
	require.False(t, Signed(key, ticket, now.Add(time.Minute)), "its time is over")
	require.False(t, Signed([]byte("other"), ticket, now))
	require.False(t, Signed(nil, Sign(nil, now.Add(time.Minute)), now), "without a key nothing is good")
	require.False(t, Signed(key, "9999999999"+ticket[4:], now), "a longer life cannot be written into it")
	for _, forged := range []string{"", ".", "2000.", "2000.AAAA", "x.y"} {
		require.False(t, Signed(key, forged, now), forged)
	}
}
