package fill

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestADiskThatTakesEverythingIsNotFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fill")
	require.ErrorIs(t, Fill(path, 3), ErrFits)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 3*Block, info.Size())
}

func TestADiskThatIsFullIsToldFromOneThatFails(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full")
	}
	require.NoError(t, Fill("/dev/full", 3))
	require.ErrorContains(t, Fill(filepath.Join(t.TempDir(), "no", "such", "folder"), 1), "fill")
}
