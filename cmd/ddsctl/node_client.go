package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/scenarios/history/drive"
	trafficclient "github.com/ddsctl/ddsctl/scenarios/traffic/client"
)

type nodeClientOptions struct {
	workloads string
	socket    string
	name      string
}

func newNodeClientCommand(a *app) *cobra.Command {
	o := nodeClientOptions{workloads: helper.WorkloadsFile, socket: control.DefaultSocket}
	cmd := &cobra.Command{
		Use:   "client",
		Short: "Make the lab's traffic",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.nodeClient(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.workloads, "workloads", o.workloads, "file with the lab's workloads, a YAML or JSON list")
	cmd.Flags().StringVar(&o.socket, "socket", o.socket, "path of the control socket")
	cmd.Flags().StringVar(&o.name, "name", helper.ClientService, "the client's name as a node of the lab")
	return cmd
}

func (a *app) nodeClient(ctx context.Context, o nodeClientOptions) error {
	specs, err := readWorkloads(o.workloads)
	if err != nil {
		return err
	}
	role, err := trafficclient.New(trafficclient.Options{Workloads: specs, Node: o.name, Log: slog.New(slog.NewTextHandler(a.stderr, nil))})
	if err != nil {
		return err
	}
	listener, err := control.Listen(o.socket)
	if err != nil {
		return err
	}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return role.Run(ctx) })
	both.Go(func() error { return control.Serve(ctx, listener, control.Merge(role.Handlers(), drive.Handlers())) })
	return both.Wait()
}

// readWorkloads reads a list of workloads; a file that is not there is none.
func readWorkloads(path string) ([]workload.Spec, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the workloads: %w", err)
	}
	var specs []workload.Spec
	if json.Valid(data) {
		err = json.Unmarshal(data, &specs)
	} else {
		err = yaml.UnmarshalWithOptions(data, &specs, yaml.Strict())
	}
	if err != nil {
		return nil, fmt.Errorf("workloads %s: %w", path, err)
	}
	return specs, nil
}
