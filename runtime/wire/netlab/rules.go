//go:build linux

package netlab

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Rules are all of nftables' rules in the lab's host, as the kernel tells them: "" where there are none. What a rule does is shown as a
// hash: the text is for comparison.
func (l *Lab) Rules(t testing.TB) string {
	t.Helper()
	var text string
	l.Host.Do(t, func() error {
		// A table may go while it is read, and the kernel takes its time to take one apart.
		again := time.NewTicker(5 * time.Millisecond)
		defer again.Stop()
		var err error
		for begin := time.Now(); time.Since(begin) < 5*time.Second; <-again.C {
			// The library does not wrap it everywhere.
			if text, err = rules(); err == nil || !strings.Contains(err.Error(), unix.ENOENT.Error()) {
				break
			}
		}
		return err
	})
	return text
}

func rules() (string, error) {
	var b strings.Builder
	conn, err := nftables.New()
	if err != nil {
		return "", err
	}
	tables, err := conn.ListTables()
	if err != nil {
		return "", err
	}
	slices.SortFunc(tables, func(x, y *nftables.Table) int {
		return cmp.Or(cmp.Compare(x.Family, y.Family), strings.Compare(x.Name, y.Name))
	})
	for _, table := range tables {
		fmt.Fprintf(&b, "table %d %s\n", table.Family, table.Name)
		if err := describe(&b, conn, table); err != nil {
			return "", fmt.Errorf("table %s: %w", table.Name, err)
		}
	}
	return b.String(), nil
}

func describe(b *strings.Builder, conn *nftables.Conn, table *nftables.Table) error {
	sets, err := conn.GetSets(table)
	if err != nil {
		return err
	}
	slices.SortFunc(sets, func(x, y *nftables.Set) int { return strings.Compare(x.Name, y.Name) })
	for _, set := range sets {
		fmt.Fprintf(b, "  set %s\n", set.Name)
		if set.Dynamic {
			continue // traffic fills it
		}
		elements, err := conn.GetSetElements(set)
		if err != nil {
			return err
		}
		slices.SortFunc(elements, func(x, y nftables.SetElement) int { return bytes.Compare(x.Key, y.Key) })
		for _, element := range elements {
			fmt.Fprintf(b, "    %x", element.Key)
			if element.VerdictData != nil {
				fmt.Fprintf(b, " : %s", element.VerdictData.Chain)
			}
			b.WriteString("\n")
		}
	}
	chains, err := conn.ListChainsOfTableFamily(table.Family)
	if err != nil {
		return err
	}
	slices.SortFunc(chains, func(x, y *nftables.Chain) int { return strings.Compare(x.Name, y.Name) })
	for _, chain := range chains {
		if chain.Table.Name != table.Name {
			continue
		}
		fmt.Fprintf(b, "  chain %s\n", chain.Name)
		rules, err := conn.GetRules(table, chain)
		if err != nil {
			return err
		}
		for _, rule := range rules {
			b.WriteString("   ")
			for _, e := range rule.Exprs {
				raw, err := expr.Marshal(byte(table.Family), e)
				if err != nil {
					return err
				}
				fmt.Fprintf(b, " %s:%x", strings.TrimPrefix(fmt.Sprintf("%T", e), "*expr."), sha256.Sum224(raw))
			}
			b.WriteString("\n")
		}
	}
	return nil
}
