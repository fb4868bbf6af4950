package tui

import (
	"charm.land/bubbles/v2/key"
)

// keys are the dashboard's keys, in the groups in which help shows them.
type binding struct {
	key.Binding
	group string
}

func bind(group, keys, shown, help string, more ...string) binding {
	return binding{key.NewBinding(key.WithKeys(append([]string{keys}, more...)...), key.WithHelp(shown, help)), group}
}

var (
	keyQuit    = bind("everywhere", "q", "q", "quit", "ctrl+c")
	keyHelp    = bind("everywhere", "?", "?", "this help")
	keyPalette = bind("everywhere", ":", ":", "any command of ddsctl")
	keyFilter  = bind("everywhere", "/", "/", "filter")
	keyBack    = bind("everywhere", "esc", "esc", "back, close, clear")
	keyPage    = bind("everywhere", "1", "1-8", "pages")
	keyBefore  = bind("everywhere", "[", "[ ]", "page before, after")
	keyAfter   = bind("", "]", "]", "page after")
	keyFreeze  = bind("everywhere", "space", "space", "freeze the picture, go on")
	keyLabs    = bind("everywhere", "L", "L", "other labs")

	keyUp     = bind("look", "up", "↑↓←→", "select, scroll", "k")
	keyDown   = bind("", "down", "↓", "", "j")
	keyLeft   = bind("", "left", "←", "")
	keyRight  = bind("", "right", "→", "")
	keyPgUp   = bind("look", "pgup", "pgup pgdn", "scroll a page", "ctrl+b")
	keyPgDown = bind("", "pgdown", "pgdn", "", "ctrl+f")
	keyHome   = bind("look", "home", "home end", "first, last")
	keyEnd    = bind("", "end", "end", "")
	keyEnter  = bind("look", "enter", "enter", "look into the node; start, check")
	keyTable  = bind("look", "g", "g", "graph or table")
	keyIn     = bind("look", "+", "+ -", "more or less detail", "=")
	keyOut    = bind("", "-", "-", "")
	keyReset  = bind("look", "0", "0", "detail that fits")
	keyFold   = bind("look", "z", "z", "fold or unfold replicas")
	keyPan    = bind("look", "shift+up", "shift ↑↓←→", "move over a large lab", "K")
	keyForget = bind("look", "R", "R", "forget what is gone")
	keyNext   = bind("look", "tab", "tab", "next workload or node")
	keyPrev   = bind("", "shift+tab", "", "")

	keyKill     = bind("act", "x", "x", "kill the node")
	keyPause    = bind("act", "p", "p", "pause the node")
	keyFaults   = bind("act", "f", "f", "every fault, on the node and its links")
	keyUndo     = bind("act", "u", "u", "undo: heal the last fault")
	keyHealAll  = bind("act", "U", "U", "heal everything")
	keyFaster   = bind("act", ">", "> <", "more or less traffic", ".")
	keySlower   = bind("", "<", "<", "", ",")
	keyGrow     = bind("act", "a", "a d", "add, drop a replica")
	keyShrink   = bind("", "d", "d", "")
	keyShell    = bind("act", "s", "s", "shell in the node")
	keyLogs     = bind("act", "l", "l", "logs of the node")
	keyScenario = bind("act", "r", "r", "run a scenario")
	keyCheck    = bind("act", "c", "c", "check an exercise")
)

// shownKeys are those that help lists.
func shownKeys() []binding {
	return []binding{keyUp, keyPgUp, keyHome, keyEnter, keyNext, keyTable, keyIn, keyReset, keyFold, keyPan, keyForget,
		keyKill, keyPause, keyFaults, keyUndo, keyHealAll, keyFaster, keyGrow, keyShell, keyLogs, keyScenario, keyCheck,
		keyPalette, keyFilter, keyBack, keyPage, keyBefore, keyFreeze, keyLabs, keyHelp, keyQuit}
}
