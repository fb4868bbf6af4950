package telemetry

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
)

// A recording is Snapshots as JSON, one a line: what `ddsctl lab watch -o json` prints.

// maxRecorded bounds one line of a recording.
const maxRecorded = 16 << 20

// Write adds a Snapshot to a recording.
func Write(w io.Writer, s Snapshot) error {
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return fmt.Errorf("record a snapshot: %w", err)
	}
	return nil
}

// Read gives a recording's Snapshots. It ends with an error at the first line that is none.
func Read(r io.Reader) iter.Seq2[Snapshot, error] {
	return func(yield func(Snapshot, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxRecorded)
		for n := 1; lines.Scan(); n++ {
			if len(lines.Bytes()) == 0 {
				continue
			}
			var s Snapshot
			if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
				yield(Snapshot{}, fmt.Errorf("line %d is no snapshot: %w", n, err))
				return
			}
			if !yield(s, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Snapshot{}, fmt.Errorf("read the recording: %w", err))
		}
	}
}
