package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// endpoint is where an engine is, and who said so.
type endpoint struct {
	host   string
	source string
	tls    *tlsFiles
}

type tlsFiles struct{ ca, cert, key string }

// locate finds the engine in the order of Docker's own client, then looks for Podman.
func locate(opts Options) (endpoint, error) {
	env := opts.Environment
	if opts.Host != "" {
		return endpoint{host: opts.Host, source: "--host", tls: tlsFromEnvironment(env)}, nil
	}
	if host := env("DOCKER_HOST"); host != "" {
		return endpoint{host: host, source: "DOCKER_HOST", tls: tlsFromEnvironment(env)}, nil
	}
	config := env("DOCKER_CONFIG")
	if config == "" {
		config = filepath.Join(opts.Home, ".docker")
	}
	name, source := env("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	if name == "" {
		name, source = currentContext(config), "the current Docker context"
	}
	if name != "" && name != "default" {
		return contextEndpoint(config, name, source)
	}
	for _, socket := range sockets(env, opts.Home) {
		if _, err := os.Stat(socket.path); err == nil {
			return endpoint{host: "unix://" + socket.path, source: socket.source}, nil
		}
	}
	if runtime.GOOS == "windows" {
		return endpoint{host: "npipe:////./pipe/docker_engine", source: "Docker's default"}, nil
	}
	return endpoint{host: "unix:///var/run/docker.sock", source: "Docker's default"}, nil
}

type socket struct{ path, source string }

func sockets(env func(string) string, home string) []socket {
	list := []socket{{"/var/run/docker.sock", "Docker's default"}}
	if dir := env("XDG_RUNTIME_DIR"); dir != "" {
		list = append(list, socket{filepath.Join(dir, "docker.sock"), "rootless Docker"})
	}
	list = append(list, socket{filepath.Join(home, ".docker/run/docker.sock"), "Docker Desktop"})
	if dir := env("XDG_RUNTIME_DIR"); dir != "" {
		list = append(list, socket{filepath.Join(dir, "podman/podman.sock"), "rootless Podman"})
	}
	return append(list, socket{"/run/podman/podman.sock", "Podman"})
}

func tlsFromEnvironment(env func(string) string) *tlsFiles {
	dir := env("DOCKER_CERT_PATH")
	if verify, _ := strconv.ParseBool(env("DOCKER_TLS_VERIFY")); dir == "" || !verify {
		return nil
	}
	return &tlsFiles{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// currentContext is the context that the user's Docker client uses, "" when none is set.
func currentContext(config string) string {
	raw, err := os.ReadFile(filepath.Join(config, "config.json"))
	if err != nil {
		return ""
	}
	var file struct {
		CurrentContext string `json:"currentContext"`
	}
	if json.Unmarshal(raw, &file) != nil {
		return ""
	}
	return file.CurrentContext
}

// contextEndpoint reads a context from Docker's store: a folder named after the hash of the context's name.
func contextEndpoint(config, name, source string) (endpoint, error) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	fail := func(err error) (endpoint, error) {
		return endpoint{}, hint.Wrap(fmt.Errorf("%w: docker context %q (from %s): %w", engine.ErrUnreachable, name, source, err),
			"`docker context ls` lists the contexts; `docker context use default` goes back to the local engine")
	}
	raw, err := os.ReadFile(filepath.Join(config, "contexts", "meta", id, "meta.json"))
	if err != nil {
		return fail(err)
	}
	var meta struct {
		Endpoints map[string]struct {
			Host string
		}
	}
	if err := json.Unmarshal(raw, &meta); err != nil {
		return fail(err)
	}
	host := meta.Endpoints["docker"].Host
	if host == "" {
		return fail(fmt.Errorf("it names no docker endpoint"))
	}
	where := endpoint{host: host, source: "docker context " + name}
	dir := filepath.Join(config, "contexts", "tls", id, "docker")
	if _, err := os.Stat(filepath.Join(dir, "ca.pem")); err == nil {
		where.tls = &tlsFiles{filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	}
	return where, nil
}
