//go:build unix

package compose_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func makePipe(t *testing.T, name string) { require.NoError(t, syscall.Mkfifo(name, 0o600)) }
