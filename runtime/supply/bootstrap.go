package supply

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/hint"
)

// debootstrap makes the base image's file system with mmdebstrap.
type debootstrap struct {
	environment func(string) string
	root        string // where the host's apt configuration is read; "" is /
}

const bootstrapTool = "mmdebstrap"

// The suite that Base names.
const suite = "trixie"

// aptClean makes apt keep neither downloads nor caches of package lists, as in Debian's own image: an installation leaves what it installed.
const aptClean = `DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; }; ` +
	`Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";`

// configure is the last step inside the file system; it stands on one line because mmdebstrap takes it for a file's name first.
const configure = `echo '` + aptClean + `' > "$1/etc/apt/apt.conf.d/docker-clean"; ` +
	`rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/log/* "$1"/etc/hostname "$1"/etc/resolv.conf`

// run writes the file system to layer as a tar. Where the caller is not root it needs user namespaces; mmdebstrap says so if not.
func (d debootstrap) run(ctx context.Context, layer io.Writer, say func(string)) error {
	path, err := exec.LookPath(bootstrapTool)
	if err != nil {
		return hint.Wrap(fmt.Errorf("%s is not installed", bootstrapTool), "install it (`sudo apt-get install %s`, or `make setup`), or `docker load` an image named %s", bootstrapTool, Base)
	}
	mirrors := readMirrors(os.DirFS(orRoot(d.root)))
	args := []string{"--variant=minbase", "--format=tar",
		`--aptopt=Acquire::Languages "none"`, `--aptopt=APT::Install-Recommends "false"`,
		"--dpkgopt=force-unsafe-io", // what is half done is thrown away, so nothing need reach the disk at once
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright",
		"--dpkgopt=path-exclude=/usr/share/info/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
		"--customize-hook=" + configure, suite, "-"}
	cmd := exec.CommandContext(ctx, path, append(args, mirrors.sources(suite)...)...)
	cmd.Stdout = layer
	asGroup(cmd) // mmdebstrap cleans up after SIGTERM; only if it does not is it killed
	cmd.WaitDelay = 20 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", bootstrapTool, err)
	}
	last := follow(stderr, say)
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return diagnose(fmt.Errorf("%s: %w\n  %s", bootstrapTool, err, strings.Join(last, "\n  ")))
	}
	return nil
}

func orRoot(dir string) string {
	if dir == "" {
		return "/"
	}
	return dir
}

// keptLines is how much of the tool's output an error shows.
const keptLines = 8

// follow hands each line on, and keeps the last.
func follow(r io.Reader, say func(string)) (last []string) {
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		if line == "" || strings.HasSuffix(line, "0.00%") { // a bar that is redrawn
			continue
		}
		say(line)
		last = append(last, line)
		last = last[max(0, len(last)-keptLines):]
	}
	if err := scanner.Err(); err != nil && !errors.Is(err, os.ErrClosed) {
		say(err.Error())
		_, _ = io.Copy(io.Discard, r) // so that the tool does not wait for a reader
	}
	return last
}

// diagnose adds the next step to what commonly fails.
func diagnose(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "NO_PUBKEY"), strings.Contains(text, "not signed"), strings.Contains(text, "keyring"):
		return hint.Wrap(err, "install Debian's keys: `sudo apt-get install debian-archive-keyring`")
	case strings.Contains(text, "unshare"), strings.Contains(text, "subuid"), strings.Contains(text, "newuidmap"):
		return hint.Wrap(err, "run it as root, or let users have namespaces: packages uidmap and fakeroot, and a line for the user in /etc/subuid and /etc/subgid")
	case strings.Contains(text, "Could not resolve"), strings.Contains(text, "Could not connect"), strings.Contains(text, "Connection failed"), strings.Contains(text, "Unable to connect"):
		return hint.Wrap(err, "no Debian mirror can be reached: check the network, or `docker load` an image named %s", Base)
	}
	return err
}
