package main

import (
	"archive/tar"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// engine asks a container engine over its socket: for what it says itself, and not for what one of the two compared programs makes of it.
type engine struct {
	client http.Client
	base   string
}

// newEngine takes an address as DOCKER_HOST has it; "" is the usual socket.
func newEngine(address string) *engine {
	scheme, place, _ := strings.Cut(cmp.Or(address, "unix:///var/run/docker.sock"), "://")
	if scheme != "unix" {
		return &engine{base: "http://" + place}
	}
	return &engine{base: "http://engine", client: http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", place)
	}}}}
}

func (e *engine) open(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := e.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the engine: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		_ = response.Body.Close()
		return nil, fmt.Errorf("ask the engine for %s: %s: %s", path, response.Status, said)
	}
	return response.Body, nil
}

func (e *engine) get(ctx context.Context, path string, query url.Values, into any) error {
	body, err := e.open(ctx, path, query)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return json.NewDecoder(body).Decode(into)
}

func labelled(project string) url.Values {
	filters, _ := json.Marshal(map[string][]string{"label": {"com.docker.compose.project=" + project}}) //nolint:errchkjson // strings
	return url.Values{"filters": {string(filters)}, "all": {"true"}}
}

// facts are what the engine holds of a project, each under a name.
func (e *engine) facts(ctx context.Context, project string, files [][2]string) (map[string]string, error) {
	facts := map[string]string{}
	var listed []struct{ ID string }
	if err := e.get(ctx, "/containers/json", labelled(project), &listed); err != nil {
		return nil, err
	}
	var containers []inspected
	for _, l := range listed {
		var c inspected
		if err := e.get(ctx, "/containers/"+l.ID+"/json", nil, &c); err != nil {
			return nil, err
		}
		if c.Config.Labels["ddsctl.helper"] != "" {
			continue // ddsctl's own traffic client
		}
		containers = append(containers, c)
		c.facts(facts)
		for _, file := range files {
			if c.service() != file[0] {
				continue
			}
			said, err := e.file(ctx, c.ID, file[1])
			if err != nil {
				return nil, err
			}
			facts[c.what("file "+file[1])] = said
		}
	}
	order(containers, facts)
	var networks []map[string]any
	if err := e.get(ctx, "/networks", labelled(project), &networks); err != nil {
		return nil, err
	}
	for _, n := range networks {
		name := fmt.Sprint(n["Name"])
		facts["network "+name] = shown(pick(n, "Driver", "Internal", "Attachable", "EnableIPv6", "Options"))
		facts["network "+name+" labels"] = shown(ownLabels(labelsOf(n["Labels"])))
		if ipam, ok := n["IPAM"].(map[string]any); ok && strings.Contains(shown(labelsOf(n["Labels"])), "same.ipam") {
			facts["network "+name+" addresses"] = shown(ipam["Config"])
		}
	}
	var volumes struct{ Volumes []map[string]any }
	if err := e.get(ctx, "/volumes", labelled(project), &volumes); err != nil {
		return nil, err
	}
	for _, v := range volumes.Volumes {
		facts["volume "+fmt.Sprint(v["Name"])] = shown(pick(v, "Driver", "Options")) + " " + shown(ownLabels(labelsOf(v["Labels"])))
	}
	return facts, nil
}

// file is a file of a container: who owns it, its mode and what is in it.
func (e *engine) file(ctx context.Context, id, path string) (string, error) {
	body, err := e.open(ctx, "/containers/"+id+"/archive", url.Values{"path": {path}})
	if err != nil {
		return "", err
	}
	defer func() { _ = body.Close() }()
	archive := tar.NewReader(body)
	header, err := archive.Next()
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	content, err := io.ReadAll(io.LimitReader(archive, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return fmt.Sprintf("%04o %d:%d %q", header.Mode&0o7777, header.Uid, header.Gid, content), nil
}

// order says for each dependency whether it held when the container was started.
func order(containers []inspected, facts map[string]string) {
	for _, c := range containers {
		for word := range strings.SplitSeq(c.Config.Labels["com.docker.compose.depends_on"], ",") {
			service, rest, _ := strings.Cut(word, ":")
			condition, _, _ := strings.Cut(rest, ":")
			held := service != ""
			for _, other := range containers {
				if other.service() == service {
					held = held && other.held(condition, c.State.StartedAt)
				}
			}
			if service != "" {
				facts[c.what("started after "+service+" "+condition)] = fmt.Sprint(held)
			}
		}
	}
}

// held says whether the container was as the condition wants it before an instant.
func (c inspected) held(condition string, before time.Time) bool {
	switch condition {
	case "service_completed_successfully":
		// An engine may write the start of what ends at once down after its end.
		return c.State.Status == "exited" && c.State.ExitCode == 0 && !c.State.FinishedAt.After(before)
	default: // when a container became healthy, its log of checks only tells for a while
		return !c.State.StartedAt.After(before)
	}
}

func shown(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// pick is what of a mapping is compared, without what is empty in one way or another.
func pick(from map[string]any, keys ...string) map[string]any {
	out := map[string]any{}
	for _, key := range keys {
		switch value := from[key].(type) {
		case nil:
		case map[string]any:
			if len(value) > 0 {
				out[key] = value
			}
		case []any:
			switch {
			case len(value) > 0 && strings.HasPrefix(key, "Dns"): // asked in this order
				out[key] = value
			case len(value) > 0:
				out[key] = sorted(value)
			}
		case string:
			if value != "" {
				out[key] = value
			}
		case bool:
			if value {
				out[key] = value
			}
		case float64:
			if value != 0 {
				out[key] = value
			}
		}
	}
	return out
}

// sorted puts a list whose order means nothing in order.
func sorted(list []any) []any {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(shown(a), shown(b)) })
	return list
}

func labelsOf(value any) map[string]string {
	labels := map[string]string{}
	if all, ok := value.(map[string]any); ok {
		for k, v := range all {
			labels[k] = fmt.Sprint(v)
		}
	}
	return labels
}

// ownLabels are a thing's labels without those that say which program made it, and how.
func ownLabels(labels map[string]string) map[string]string {
	kept := map[string]string{}
	for name, value := range labels {
		switch {
		case strings.HasPrefix(name, "ddsctl."):
		case strings.HasPrefix(name, "com.docker.compose.") && !slices.Contains([]string{"project", "service", "container-number", "oneoff", "network", "volume",
			"project.working_dir"}, strings.TrimPrefix(name, "com.docker.compose.")):
		default:
			kept[name] = value
		}
	}
	return kept
}
