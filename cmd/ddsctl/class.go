package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/scenarios/class/host"
	"github.com/ddsctl/ddsctl/scenarios/class/server"
	"github.com/ddsctl/ddsctl/scenarios/class/store"
)

func newClassCommand(a *app) *cobra.Command {
	return group("class", "Run a class: students hand in their exercises, an instructor sees all of them",
		`An instructor serves a class and hands out its link. Students join with the link, work on the exercises of labs on their own machines, and
submit. What cannot be sent now waits on the student's disk and is counted once, however often it is sent.`,
		newClassServeCommand(a),
		newClassJoinCommand(a),
		newClassAutoCommand(a),
		newClassSubmitCommand(a),
		newClassRosterCommand(a),
		newClassExportCommand(a),
		newClassBackupCommand(a),
		newClassRestoreCommand(a),
	)
}

// classData is the default data folder of a class server.
func classData() string { return filepath.Join(xdg.DataHome, "ddsctl", "class") }

// classState is where a student's membership and queue are.
func classState() string { return filepath.Join(xdg.StateHome, "ddsctl", "class") }

// serveGC is how much the heap may grow before it is collected, in percent. A thousand connections are many stacks around a small heap:
// collecting it often would cost more than the memory is worth.
const serveGC = 400

type classServeOptions struct {
	host.Config
	etcdCA, etcdCert, etcdKey string
	studentRate, addressRate  float64
}

func newClassServeCommand(a *app) *cobra.Command {
	o := classServeOptions{Config: host.Config{Name: "Class", Data: classData(), Listen: ":8443"}}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a class: a page for the instructor, and the place where students submit",
		Long: `Serves a class until Ctrl-C. The first start makes the class, its tokens and a certificate authority; the link for students carries the
authority's fingerprint, so that nobody has to trust a certificate by hand. What was acknowledged is on disk. The class is in etcd inside this
process, below --data, or in a cluster (--etcd-endpoints; a password comes from DDSCTL_ETCD_PASSWORD).

The links hold the class's tokens. They are printed on a terminal when they are new, and kept in DATA/links.json.`,
		Example: `  ddsctl class serve --name 'Distributed systems, autumn'
  ddsctl class serve --url https://class.example.org:8443 --cert cert.pem --key key.pem
  ddsctl class serve --etcd-endpoints 10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379
  ddsctl class serve --new-tokens     the old links are void, students stay`,
		Args: positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.classServe(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Name, "name", o.Name, "the class's name, when it is made")
	flags.StringVar(&o.Data, "data", o.Data, "the data folder")
	flags.StringVar(&o.Listen, "listen", o.Listen, "the address to listen on")
	flags.StringVar(&o.URL, "url", "", "how students reach this server (default: an address of this machine)")
	flags.StringVar(&o.CertFile, "cert", "", "a certificate of your own (PEM), with those that signed it")
	flags.StringVar(&o.KeyFile, "key", "", "its key (PEM)")
	flags.BoolVar(&o.Plain, "plain", false, "no TLS: on loopback, or behind something that does TLS")
	flags.BoolVar(&o.NewTokens, "new-tokens", false, "make new tokens; the old links are void, students stay")
	flags.Float64Var(&o.studentRate, "rate-student", 5, "submissions a second of one student")
	flags.Float64Var(&o.addressRate, "rate-address", 2000, "requests a second of one address; a class may share one")
	flags.StringSliceVar(&o.Cluster.Endpoints, "etcd-endpoints", nil, "the members of an etcd cluster, instead of the etcd inside")
	flags.StringVar(&o.Cluster.Prefix, "etcd-prefix", store.DefaultPrefix, "where in the cluster the class is")
	flags.StringVar(&o.Cluster.User, "etcd-user", "", "a user of the cluster")
	flags.StringVar(&o.etcdCA, "etcd-cacert", "", "the certificate authority of the cluster (PEM)")
	flags.StringVar(&o.etcdCert, "etcd-cert", "", "a certificate for the cluster (PEM)")
	flags.StringVar(&o.etcdKey, "etcd-key", "", "its key (PEM)")
	return cmd
}

func (a *app) classServe(ctx context.Context, o classServeOptions) error {
	if o.studentRate <= 0 || o.addressRate <= 0 {
		return usagef("a rate has to be more than 0")
	}
	o.Student = server.Rate{PerSecond: o.studentRate, Burst: int(10*o.studentRate) + 1}
	o.Address = server.Rate{PerSecond: o.addressRate, Burst: int(2*o.addressRate) + 1}
	o.Cluster.Password = os.Getenv("DDSCTL_ETCD_PASSWORD")
	o.Errors = a.stderr
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(serveGC)
	}
	var err error
	if o.Cluster.TLS, err = clusterTLS(o); err != nil {
		return err
	}
	began := time.Now()
	return host.Serve(ctx, o.Config, func(links host.Links) {
		a.say("serving the class at %s (%.1f s)", links.Server, time.Since(began).Seconds())
		file := host.LinksFile(o.Data)
		_, terminal := terminalFile(a.stderr)
		switch {
		case links.Join == "":
			a.say("its links were made elsewhere and are not known here; --new-tokens makes new ones")
		case links.New && terminal:
			a.say("\nyour page:\n  %s\nlink for students:\n  %s\nthey are kept in %s", links.Instructor, links.Join, file)
		default:
			a.say("your page and the link for students are in %s", file)
		}
	})
}

// clusterTLS is how the cluster's members are known, nil where they speak plainly.
func clusterTLS(o classServeOptions) (*tls.Config, error) {
	if o.etcdCA == "" && o.etcdCert == "" && o.etcdKey == "" {
		return nil, nil //nolint:nilnil // no TLS is a way to reach a cluster
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.etcdCA != "" {
		text, err := os.ReadFile(o.etcdCA)
		if err != nil {
			return nil, fmt.Errorf("read the cluster's certificate authority: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read the cluster's certificate authority: no certificate in %s", o.etcdCA)
		}
	}
	if o.etcdCert != "" || o.etcdKey != "" {
		pair, err := tls.LoadX509KeyPair(o.etcdCert, o.etcdKey)
		if err != nil {
			return nil, fmt.Errorf("read the certificate for the cluster: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
