package main

import (
	"context"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/runtime/doctor"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/launch"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

func newDoctorCommand(a *app) *cobra.Command {
	var noWire bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether this machine can run labs, and say what to do",
		Long: `Checks the container engine, its version, memory and platform, where images would come from, and which faults on links the engine's
kernel can do, and how. For the last a running lab's wire is asked; where none runs, one is started for the question, for a second or two, unless
--no-wire leaves that out. Exit code 3 when no engine answers, 4 when another check failed.`,
		Args: positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var refused error
			results := doctor.Run(cmd.Context(), doctorHost(), func(ctx context.Context) (doctor.Engine, error) {
				client, err := a.engine(ctx)
				if err == nil {
					err = client.Ping(ctx)
				}
				if err != nil {
					refused = err
					return nil, err
				}
				return client, nil
			})
			if refused == nil && !noWire {
				results = append(results, doctor.Wire(a.wireOffers(cmd.Context()))...)
			}
			rows := make([][]string, 0, len(results))
			for _, r := range results {
				rows = append(rows, []string{r.Check, string(r.State), r.Text})
			}
			if err := a.print(results, []string{"CHECK", "STATE", "FOUND"}, rows); err != nil {
				return err
			}
			for _, r := range results {
				if r.Next != "" {
					a.say("%s: %s", r.Check, r.Next)
				}
			}
			if !doctor.Healthy(results) {
				if code := exitCode(refused); code == exitUnreachable {
					return exitStatus(exitUnreachable)
				}
				return exitStatus(exitUnmet)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&noWire, "no-wire", false, "leave out what the kernel offers for links")
	a.formatFlag(cmd)
	return cmd
}

// wirePatience bounds how long the doctor waits for a wire.
const wirePatience = 30 * time.Second

// wireOffers asks the wire of a running lab what the kernel offers, else one of its own.
func (a *app) wireOffers(ctx context.Context) (wire.Capabilities, error) {
	ctx, cancel := context.WithTimeout(ctx, wirePatience)
	defer cancel()
	running, err := a.running(ctx)
	if err != nil {
		return wire.Capabilities{}, err
	}
	for _, lab := range running {
		if lab.hasHelper(engine.HelperWire) {
			if offers, err := launch.AskWire(ctx, a.engineClient, lab.name); err == nil {
				return offers, nil
			}
		}
	}
	progress := a.progress()
	defer progress.Close()
	return launch.New(a.engineClient, launch.Options{Address: a.engineClient.Address()}).Wire(ctx, show(progress))
}

func doctorHost() doctor.Host {
	return doctor.Host{LookPath: exec.LookPath, FreeBytes: freeBytes, TempDir: os.TempDir()}
}
