//go:build !linux

package main

import (
	"context"
	"errors"
)

func runWire(context.Context, *app, wireOptions) error {
	return errors.New("the wire runs on Linux, inside a lab")
}
