package output

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnAgeHasTheUnitThatMatters(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m", 125 * time.Minute: "2h5m", 100 * time.Hour: "4d",
	} {
		require.Equal(t, want, Age(d))
	}
}
