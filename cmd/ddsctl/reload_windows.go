package main

import "os"

// reloadSignals tell a service to read its configuration anew; there are none here.
var reloadSignals []os.Signal

// tellSignals are the signals by which one process tells another something; there is only the one that asks it to end.
var tellSignals = map[string]os.Signal{"INT": os.Interrupt}
