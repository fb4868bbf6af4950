package main

import (
	"context"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/runtime/doctor"
)

func newDoctorCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether this machine can run labs, and say what to do",
		Long: `Checks the container engine, its version, memory and platform, and where images would come from. Exit code 3
when no engine answers, 4 when another check failed.`,
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
	a.formatFlag(cmd)
	return cmd
}

func doctorHost() doctor.Host {
	return doctor.Host{LookPath: exec.LookPath, FreeBytes: freeBytes, TempDir: os.TempDir()}
}
