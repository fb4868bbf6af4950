package live

import (
	"context"
	"io"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/scenarios/history/drive"
)

// RecordHistory lets the lab's traffic client use the lab as several clients at once, and writes to w what they asked and were told.
// It returns when the history's duration is over and what was left to read has been read.
func (l *Lab) RecordHistory(ctx context.Context, spec drive.Spec, w io.Writer) error {
	client, err := l.helper(ctx, engine.HelperClient)
	if err != nil {
		return err
	}
	return drive.Record(ctx, client, spec, w)
}
