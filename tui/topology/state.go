package topology

import (
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
)

// Mark is a state as a symbol, a colour and a word: each says it alone.
type Mark struct {
	Symbol rune
	Ink    cell.Ink
	Word   string
}

// Of gives the mark of a node's state.
func Of(n telemetry.Node) Mark {
	switch {
	case n.Phase == engine.PhasePaused:
		return Mark{'‖', cell.Warn, "paused"}
	case n.Phase == engine.PhaseRestarting:
		return Mark{'◐', cell.Warn, "restarting"}
	case n.Health == telemetry.HealthCompleted:
		return Mark{'■', cell.Dim, "completed"}
	case n.Phase == engine.PhaseExited && n.ExitCode != nil && *n.ExitCode == 0:
		return Mark{'■', cell.Warn, "exited"}
	case n.Phase == engine.PhaseExited || n.Phase == engine.PhaseDead || n.Health == telemetry.HealthDown:
		return Mark{'✗', cell.Bad, "down"}
	}
	switch n.Health {
	case telemetry.HealthReady:
		return Mark{'●', cell.Good, "ready"}
	case telemetry.HealthStarting:
		return Mark{'◐', cell.Warn, "starting"}
	case telemetry.HealthFailing:
		return Mark{'▲', cell.Bad, "failing"}
	}
	return Mark{'○', cell.Info, "running"}
}

var ghost = Mark{'◌', cell.Faint, "gone"}

func (n *node) mark() Mark {
	switch {
	case !n.present:
		return ghost
	case n.outsider:
		return Mark{'▪', cell.Dim, "outside"}
	}
	return Of(n.Node)
}

// RoleSymbol is the sign of a role, 0 for roles without one.
func RoleSymbol(role string) rune {
	switch role {
	case "leader", "controller", "primary", "master":
		return '★'
	case "owner":
		return '◆'
	case "shard", "replica", "follower":
		return '◇'
	}
	return 0
}

// FaultMark is the sign of a fault in words and on links.
const FaultMark = '↯'

// FaultSymbol tells kinds of faults apart.
func FaultSymbol(kind string) rune {
	switch kind {
	case "cut", "partition", "isolate", "kill", "stop":
		return '✗'
	case "pause":
		return '‖'
	}
	return FaultMark
}
