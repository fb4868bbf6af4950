package server

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/secret"
	"github.com/ddsctl/ddsctl/scenarios/class/store"
)

// BenchmarkStore is what it costs to keep a submission, many students at a time.
func BenchmarkStore(b *testing.B) {
	kept, err := store.Embedded(b.Context(), b.TempDir())
	require.NoError(b, err)
	defer kept.Close()
	var number atomic.Int64
	packed, err := class.Pack([]byte(`{"version":1}`))
	require.NoError(b, err)
	passed := time.Unix(1_800_000_000, 0).UTC()
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		who := class.Student{ID: secret.ID(), Name: fmt.Sprint("Student ", number.Add(1))}
		require.NoError(b, kept.Join(b.Context(), who))
		for pb.Next() {
			s := class.Submission{Version: class.Version, Key: secret.Key(), Lab: "cache", Time: passed,
				Exercises: map[string]class.Exercise{"share": {Attempts: 1, Points: 1, Worth: 5, Passed: &passed, Evidence: packed.Digest}, "eject": {Attempts: 1, Worth: 10}},
				Evidence:  map[string]class.Evidence{"share": packed}}
			_, _, err := kept.Submit(b.Context(), who.ID, s, passed)
			require.NoError(b, err)
		}
	})
}

// BenchmarkServer is what it costs to hand a submission in over TLS: both sides are in it.
func BenchmarkServer(b *testing.B) {
	r := serve(b, func(o *Options) {
		o.Student, o.Address = Rate{PerSecond: 1e6, Burst: 1e6}, Rate{PerSecond: 1e6, Burst: 1e6}
	})
	var number atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		who := r.join(fmt.Sprint("Student ", number.Add(1)))
		one := work(b, 1)
		for i := 0; pb.Next(); i++ {
			if i > 0 && i%(mostSubmissions-1) == 0 { // before the record is full
				who = r.join(fmt.Sprint("Student ", number.Add(1)))
			}
			one.Key = secret.Key()
			_, err := who.Submit(b.Context(), who.ID, one)
			require.NoError(b, err)
		}
	})
}
