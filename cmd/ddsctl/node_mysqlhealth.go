package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/mysqlhealth"
)

func newNodeMySQLHealthCommand(a *app) *cobra.Command {
	var dsn, statements string
	listen, deadline := ":8080", 500*time.Millisecond
	cmd := &cobra.Command{
		Use:   "mysql-health",
		Short: "A health page for a database that has none",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.nodeMySQLHealth(cmd.Context(), listen, dsn, statements, deadline)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringVar(&dsn, "dsn", "", "the database, user:password@tcp(host:port)/name")
	flags.StringVar(&statements, "statements", "", "file with the SQL of a check")
	flags.DurationVar(&deadline, "deadline", deadline, "how long a check may take")
	return cmd
}

func (a *app) nodeMySQLHealth(ctx context.Context, listen, dsn, file string, deadline time.Duration) (err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the statements: %w", err)
	}
	statements, err := mysqlhealth.Statements(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	db, err := mysqlhealth.Open(dsn, deadline)
	if err != nil {
		return err
	}
	defer func() {
		if closing := db.Close(); err == nil {
			err = closing
		}
	}()
	listener, err := listenOn(ctx, listen)
	if err != nil {
		return err
	}
	return mysqlhealth.New(mysqlhealth.Options{DB: db, Statements: statements, Deadline: deadline,
		Log: slog.New(slog.NewTextHandler(a.stderr, nil))}).Serve(ctx, listener)
}
