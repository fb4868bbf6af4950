package main

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/certs"
)

func newNodeCertsCommand(a *app) *cobra.Command {
	dir := "/data"
	var o certs.Options
	var keep, ticketKey bool
	issue := &cobra.Command{
		Use:   "issue --host NAME",
		Short: "Make a certificate for a server, and the authority where there is none",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			leaf, err := certs.Issue(dir, o)
			if err != nil {
				return err
			}
			a.tellCertificate(leaf)
			if ticketKey {
				if err := certs.EnsureTicketKey(dir); err != nil {
					return err
				}
			}
			if keep {
				<-cmd.Context().Done()
			}
			return nil
		},
	}
	issue.Flags().StringArrayVar(&o.Hosts, "host", nil, "a name or an address that it is for; may be given more than once")
	issue.Flags().DurationVar(&o.Valid, "valid", 24*time.Hour, "how long it holds; below 0: how long ago it expired")
	issue.Flags().BoolVar(&ticketKey, "ticket-key", false, "make a secret for TLS session tickets as well, where there is none")
	issue.Flags().BoolVar(&keep, "keep", false, "stay until the container is stopped")
	show := &cobra.Command{
		Use:   "show",
		Short: "Print the certificate that stands in the folder",
		Args:  positional(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			leaf, trust, err := certs.Read(dir, time.Now())
			if err != nil {
				return err
			}
			a.tellCertificate(leaf)
			return trust
		},
	}
	ticket := &cobra.Command{
		Use:   "ticket-key",
		Short: "Make a new secret for TLS session tickets",
		Args:  positional(cobra.NoArgs),
		RunE:  func(*cobra.Command, []string) error { return certs.IssueTicketKey(dir) },
	}
	cmd := group("certs", "A lab's own certificate authority", "A lab's own certificate authority, in a folder.", issue, show, ticket)
	cmd.PersistentFlags().StringVar(&dir, "dir", dir, "the folder")
	return cmd
}

func (a *app) tellCertificate(c *x509.Certificate) {
	hosts := c.DNSNames
	for _, ip := range c.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	fmt.Fprintf(a.stdout, "serial  %x\nhosts   %s\nexpires %s\n", c.SerialNumber, strings.Join(hosts, " "), c.NotAfter.UTC().Format(time.RFC3339))
}
