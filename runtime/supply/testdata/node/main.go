// The program that stands in for ddsctl in the tests of ddsctl/node: it tells how it finds its surroundings.
package main

import (
	"fmt"
	"os"
	"os/user"
)

// Version tells one build from another.
var Version = "1"

func main() {
	me, err := user.Current()
	fmt.Println(Version, os.Args[1:], os.Getuid(), me != nil && me.Username == "nobody", err)
	for _, folder := range []string{"/data", "/tmp", "/var/lib/ddsctl"} {
		err := os.WriteFile(folder+"/f", nil, 0o600)
		fmt.Println(folder, err == nil)
	}
}
