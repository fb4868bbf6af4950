package job

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
)

// Chain does jobs by having other containers do a part each, one after another. What fails in one of them fails as a whole.
type Chain struct {
	stages []*url.URL
	client *http.Client
}

// NewChain returns the chain of the stages at these addresses. A stage's name is its host's.
func NewChain(stages ...string) (*Chain, error) {
	c := &Chain{client: &http.Client{}}
	for _, s := range stages {
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" {
			return nil, fmt.Errorf("stage: not a URL: %q", s)
		}
		c.stages = append(c.stages, u.JoinPath("work"))
	}
	if len(c.stages) == 0 {
		return nil, errors.New("a chain has at least one stage")
	}
	return c, nil
}

// Do has all stages do their part. The result is a JSON object with that of each stage.
func (c *Chain) Do(ctx context.Context, j Job) (string, error) {
	j.Results = map[string]string{}
	for _, stage := range c.stages {
		result, err := c.ask(ctx, stage, j)
		if err != nil {
			return "", Failure{Reason: fmt.Sprintf("stage %s: %v", stage.Hostname(), err), Final: Final(err)}
		}
		j.Results[stage.Hostname()] = result
	}
	text, err := json.Marshal(j.Results)
	return string(text), err
}

func (c *Chain) ask(ctx context.Context, stage *url.URL, j Job) (string, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, stage.String(), bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(answer.Body, api.MostData))
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", Failure{Reason: fmt.Sprintf("%s: %s", answer.Status, bytes.TrimSpace(said)), Final: answer.StatusCode == http.StatusUnprocessableEntity}
	}
	return string(said), nil
}
