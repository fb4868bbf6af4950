// Package etcdctl asks etcd: a small part of the program etcdctl, printing as it does.
//
//	client, err := etcdctl.Connect([]string{"http://etcd:2379"})
//	err = client.Get(ctx, os.Stdout, "app/", etcdctl.GetOptions{Prefix: true})
//
// README.md is its interface.
package etcdctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// ErrNoKey says that there is no such key.
var ErrNoKey = errors.New("no such key")

// dialMost bounds how long a connection may take.
const dialMost = 5 * time.Second

// Client asks one cluster. Close it.
type Client struct{ etcd *clientv3.Client }

// Connect returns a Client for the members at these addresses. It reaches for them when it is first asked.
func Connect(endpoints []string) (*Client, error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, DialTimeout: dialMost, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", strings.Join(endpoints, ", "), err)
	}
	return &Client{c}, nil
}

// Close ends the connections.
func (c *Client) Close() error { return c.etcd.Close() }

// GetOptions say which keys are read and what is printed of them.
type GetOptions struct {
	// Prefix reads all keys that begin with the key.
	Prefix bool
	// ValueOnly and KeysOnly leave out the other.
	ValueOnly, KeysOnly bool
	// Serializable reads what this member has, which may be old, instead of what the cluster agrees on.
	Serializable bool
}

// Get prints keys and values, a line each. That a key is not there is ErrNoKey.
func (c *Client) Get(ctx context.Context, out io.Writer, key string, o GetOptions) error {
	var options []clientv3.OpOption
	if o.Prefix {
		options = append(options, clientv3.WithPrefix())
	}
	if o.KeysOnly {
		options = append(options, clientv3.WithKeysOnly())
	}
	if o.Serializable {
		options = append(options, clientv3.WithSerializable())
	}
	got, err := c.etcd.Get(ctx, key, options...)
	if err != nil {
		return fmt.Errorf("get %s: %w", key, err)
	}
	if len(got.Kvs) == 0 && !o.Prefix {
		return fmt.Errorf("get %s: %w", key, ErrNoKey)
	}
	for _, kv := range got.Kvs {
		if !o.ValueOnly {
			fmt.Fprintf(out, "%s\n", kv.Key)
		}
		if !o.KeysOnly {
			fmt.Fprintf(out, "%s\n", kv.Value)
		}
	}
	return nil
}

// Put sets a key.
func (c *Client) Put(ctx context.Context, out io.Writer, key, value string) error {
	if _, err := c.etcd.Put(ctx, key, value); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	fmt.Fprintln(out, "OK")
	return nil
}

// Delete removes a key, or with prefix all that begin with it, and prints how many there were.
func (c *Client) Delete(ctx context.Context, out io.Writer, key string, prefix bool) error {
	var options []clientv3.OpOption
	if prefix {
		options = append(options, clientv3.WithPrefix())
	}
	gone, err := c.etcd.Delete(ctx, key, options...)
	if err != nil {
		return fmt.Errorf("del %s: %w", key, err)
	}
	fmt.Fprintln(out, gone.Deleted)
	return nil
}

// Watch prints each change of a key, or with prefix of all that begin with it, as PUT or DELETE, key and value, until ctx ends or
// most changes were printed (0: no end).
func (c *Client) Watch(ctx context.Context, out io.Writer, key string, prefix bool, most int) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	var options []clientv3.OpOption
	if prefix {
		options = append(options, clientv3.WithPrefix())
	}
	seen := 0
	for answer := range c.etcd.Watch(ctx, key, options...) {
		if err := answer.Err(); err != nil {
			return fmt.Errorf("watch %s: %w", key, err)
		}
		for _, e := range answer.Events {
			fmt.Fprintf(out, "%s\n%s\n%s\n", e.Type, e.Kv.Key, e.Kv.Value)
			if seen++; seen == most {
				return nil
			}
		}
	}
	return nil
}

// Members prints the cluster's members.
func (c *Client) Members(ctx context.Context, out io.Writer) error {
	list, err := c.etcd.MemberList(ctx)
	if err != nil {
		return fmt.Errorf("member list: %w", err)
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tPEERS\tCLIENTS\tLEARNER")
	for _, m := range list.Members {
		fmt.Fprintf(table, "%x\t%s\t%s\t%s\t%t\n", m.ID, m.Name, strings.Join(m.PeerURLs, ","), strings.Join(m.ClientURLs, ","), m.IsLearner)
	}
	return table.Flush()
}

// Status prints how each member that Connect was given is: those that do not answer as well, which is an error at the end.
func (c *Client) Status(ctx context.Context, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "ENDPOINT\tID\tVERSION\tLEADER\tTERM\tINDEX\tDATABASE")
	var problems []error
	for _, endpoint := range c.etcd.Endpoints() {
		one, cancel := context.WithTimeout(ctx, dialMost/2)
		s, err := c.etcd.Status(one, endpoint)
		cancel()
		if err != nil {
			fmt.Fprintf(table, "%s\t-\t-\t-\t-\t-\t-\n", endpoint)
			problems = append(problems, fmt.Errorf("%s: %w", endpoint, err))
			continue
		}
		fmt.Fprintf(table, "%s\t%x\t%s\t%t\t%d\t%d\t%d B\n", endpoint, s.Header.MemberId, s.Version, s.Leader == s.Header.MemberId, s.RaftTerm, s.RaftIndex, s.DbSize)
	}
	return errors.Join(append([]error{table.Flush()}, problems...)...)
}

// MoveLeader makes the member with that name lead, waits until it does, and prints who led before. That it leads already is no error.
func (c *Client) MoveLeader(ctx context.Context, out io.Writer, name string) error {
	to, err := c.member(ctx, name)
	if err != nil {
		return err
	}
	for {
		leads, at, err := c.leader(ctx)
		switch {
		case err != nil:
			return err
		case leads == to:
			fmt.Fprintf(out, "%s leads\n", name)
			return nil
		}
		// Only the leader can hand over.
		direct, err := Connect([]string{at})
		if err != nil {
			return err
		}
		_, err = direct.etcd.MoveLeader(ctx, to)
		if err = errors.Join(err, direct.Close()); err == nil {
			fmt.Fprintf(out, "Leadership transferred from %x to %x\n", leads, to)
			return nil
		}
		pause := time.NewTimer(movePause) // it may have changed meanwhile, or the other is behind
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("move the leader to %s: %w", name, err)
		}
	}
}

// movePause is how long is waited before leadership is moved once more.
const movePause = 200 * time.Millisecond

func (c *Client) member(ctx context.Context, name string) (uint64, error) {
	list, err := c.etcd.MemberList(ctx)
	if err != nil {
		return 0, fmt.Errorf("member list: %w", err)
	}
	var names []string
	for _, m := range list.Members {
		if m.Name == name || fmt.Sprintf("%x", m.ID) == name {
			return m.ID, nil
		}
		names = append(names, m.Name)
	}
	return 0, fmt.Errorf("no member is called %s; there are %s", name, strings.Join(names, ", "))
}

// leader is the member that leads, and where clients reach it.
func (c *Client) leader(ctx context.Context) (id uint64, at string, err error) {
	list, err := c.etcd.MemberList(ctx)
	if err != nil {
		return 0, "", fmt.Errorf("member list: %w", err)
	}
	for _, m := range list.Members {
		if len(m.ClientURLs) == 0 {
			continue
		}
		one, cancel := context.WithTimeout(ctx, dialMost/2)
		s, err := c.etcd.Status(one, m.ClientURLs[0])
		cancel()
		if err == nil && s.Leader == m.ID {
			return m.ID, m.ClientURLs[0], nil
		}
	}
	return 0, "", errors.New("nobody leads")
}
