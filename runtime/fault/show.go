package fault

import (
	"cmp"
	"slices"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Standings are the faults of a journal as they are shown, oldest first. What is on links is verified by what the wire has measured,
// what is on nodes by the verdict in the record.
func Standings(records []wire.Record, states []wire.State) []telemetry.Fault {
	all := []telemetry.Fault{}
	for _, s := range states {
		all = append(all, ofState(s))
	}
	for _, r := range records {
		if r.Link != nil {
			continue
		}
		u, _ := undoOf(r) // of another version: shown without a verdict
		all = append(all, ofRecord(r, u))
	}
	slices.SortFunc(all, func(a, b telemetry.Fault) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)) })
	return all
}

func ofState(s wire.State) telemetry.Fault {
	return telemetry.Fault{ID: s.ID, Kind: linkKind(s.Fault), Target: s.Fault.Target(), Nodes: s.Nodes, Detail: s.Detail(), Start: s.Start,
		Expires: s.Expires, Verified: string(cmp.Or(s.Verified, wire.Unknown))}
}

func ofRecord(r wire.Record, u undo) telemetry.Fault {
	return telemetry.Fault{ID: r.ID, Kind: r.Kind, Target: r.Target, Nodes: r.Nodes, Detail: r.Detail, Start: r.Start,
		Expires: r.Expires, Verified: string(cmp.Or(u.Verified, wire.Unknown))}
}
