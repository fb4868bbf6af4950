package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"
)

// newNodeCommand groups the programs that run inside a lab's containers: `ddsctl node ROLE` in the image ddsctl/node. Each role is
// one file, node_ROLE.go, and one line here.
func newNodeCommand(a *app) *cobra.Command {
	cmd := group("node", "The programs that run inside a lab",
		"The programs that run inside a lab's containers. They are not for use on the host.",
		newNodeCacheAsideCommand(a),
		newNodeCertsCommand(a),
		newNodeClientCommand(a),
		newNodeConfigManagerCommand(a),
		newNodeContenderCommand(a),
		newNodeDialCommand(a),
		newNodeDictionaryCommand(a),
		newNodeEtcdCommand(a),
		newNodeEtcdctlCommand(a),
		newNodeEventsCommand(a),
		newNodeFetchCommand(a),
		newNodeFillCommand(a),
		newNodeFunctionsCommand(a),
		newNodeInstallCommand(a),
		newNodeKafkaCommand(a),
		newNodeLedgerCommand(a),
		newNodeListeningCommand(a),
		newNodeLogStoreCommand(a),
		newNodeMySQLHealthCommand(a),
		newNodeOddLogCommand(a),
		newNodeServiceBrokerCommand(a),
		newNodeSearchCommand(a),
		newNodeTallyCommand(a),
		newNodeTopzCommand(a),
		newNodeVaultCommand(a),
		newNodeWebCommand(a),
		newNodeWireCommand(a),
		newNodeWorkQueueCommand(a),
	)
	cmd.Hidden = true
	return cmd
}

// listenOn opens the address that a program inside a lab serves on.
func listenOn(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return listener, nil
}

// hostName is what a program inside a lab is called where nobody has named it.
func hostName(fallback string) string {
	if name, err := os.Hostname(); err == nil {
		return name
	}
	return fallback
}
