package fake_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine/contract"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
)

func TestTheFakeKeepsTheContract(t *testing.T) {
	contract.Run(t, contract.Harness{Image: "debian:trixie-slim", New: func(t *testing.T) contract.Engine {
		e := fake.New(fake.Options{Images: []string{"debian:trixie-slim"}})
		t.Cleanup(func() { require.NoError(t, e.Close()) })
		return e
	}})
}
