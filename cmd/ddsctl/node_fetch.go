package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/fetch"
)

func newNodeFetchCommand(a *app) *cobra.Command {
	var o fetch.Options
	var anyStatus bool
	show := []string{"body"}
	cmd := &cobra.Command{
		Use:   "fetch URL",
		Short: "Ask for one page over HTTP or HTTPS",
		Args:  positional(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.nodeFetch(cmd.Context(), args[0], o, show, anyStatus)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Method, "method", http.MethodGet, "the request's method")
	flags.StringVar(&o.Body, "body", "", "the request's body")
	flags.StringArrayVar(&o.Headers, "header", nil, "a header, NAME: VALUE; may be given more than once")
	flags.StringVar(&o.CAFile, "ca", "", "file with the authorities to trust")
	flags.StringVar(&o.ServerName, "server-name", "", "the name that the certificate must be for (default: the URL's host)")
	flags.BoolVar(&o.Insecure, "insecure", false, "accept any certificate")
	flags.DurationVar(&o.Timeout, "timeout", 10*time.Second, "for the whole of it")
	flags.StringArrayVar(&show, "print", show, "body, status, header:NAME, response, serial or expires; may be given more than once")
	flags.BoolVar(&anyStatus, "any-status", false, "a status of 400 or above is no failure")
	return cmd
}

func (a *app) nodeFetch(ctx context.Context, url string, o fetch.Options, show []string, anyStatus bool) error {
	page, err := fetch.Get(ctx, url, o)
	if err != nil {
		return err
	}
	if page.Code >= http.StatusBadRequest && !anyStatus {
		return fmt.Errorf("%s answers %s", url, page.Status)
	}
	for _, what := range show {
		text, err := part(page, what)
		if err != nil {
			return err
		}
		fmt.Fprintln(a.stdout, strings.TrimSuffix(text, "\n"))
	}
	return nil
}

// part is what is asked for of a page.
func part(page fetch.Page, what string) (string, error) {
	name, header := strings.CutPrefix(what, "header:")
	switch {
	case header:
		return page.Header.Get(name), nil
	case what == "body":
		return string(page.Body), nil
	case what == "response":
		return fmt.Sprintf("HTTP/1.1 %s\n\n%s", page.Status, page.Body), nil
	case what == "status":
		return page.Status, nil
	case what != "serial" && what != "expires":
		return "", usagef("--print %s: it is body, status, header:NAME, response, serial or expires", what)
	case page.Certificate == nil:
		return "", errors.New("the server showed no certificate: it speaks plain HTTP")
	case what == "serial":
		return fmt.Sprintf("%x", page.Certificate.SerialNumber), nil
	}
	return page.Certificate.NotAfter.UTC().Format(time.RFC3339), nil
}
