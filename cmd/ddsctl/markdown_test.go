package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItemsOfListsAreUnwrappedAndNothingElseIs(t *testing.T) {
	const text = "# Title\n\nA paragraph\nof two lines.\n\n- one\n  goes on\n  and on\n- two\n  1. inner\n     goes on\n\n  a paragraph of the item\n\n```sh\n- no item\n  code\n```\n\n    code of old\n"
	const want = "# Title\n\nA paragraph\nof two lines.\n\n- one goes on and on\n- two\n  1. inner goes on\n\n  a paragraph of the item\n\n```sh\n- no item\n  code\n```\n\n    code of old\n"
	require.Equal(t, want, unwrapItems(text))
}
