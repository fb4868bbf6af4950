//go:build linux

package netlab

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/nftables"
)

// Rules are all of nftables' rules in the lab's host, as the kernel tells them: "" where there are none. Counters are left out.
func (l *Lab) Rules(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	l.Host.Do(t, func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		tables, err := conn.ListTables()
		if err != nil {
			return err
		}
		for _, table := range tables {
			fmt.Fprintf(&b, "table %d %s\n", table.Family, table.Name)
			if err := describe(&b, conn, table); err != nil {
				return fmt.Errorf("table %s: %w", table.Name, err)
			}
		}
		return nil
	})
	return b.String()
}

func describe(b *strings.Builder, conn *nftables.Conn, table *nftables.Table) error {
	sets, err := conn.GetSets(table)
	if err != nil {
		return err
	}
	for _, set := range sets {
		fmt.Fprintf(b, "  set %s\n", set.Name)
		if set.Dynamic {
			continue // traffic fills it
		}
		elements, err := conn.GetSetElements(set)
		if err != nil {
			return err
		}
		for _, element := range elements {
			fmt.Fprintf(b, "    %x\n", element.Key)
		}
	}
	chains, err := conn.ListChainsOfTableFamily(table.Family)
	if err != nil {
		return err
	}
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
				fmt.Fprintf(b, " %T%+v", e, e)
			}
			b.WriteString("\n")
		}
	}
	return nil
}
