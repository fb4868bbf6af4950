package main

import "os"

// reloadSignals tell a service to read its configuration anew; there are none here.
var reloadSignals []os.Signal
