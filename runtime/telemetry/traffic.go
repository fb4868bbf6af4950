package telemetry

// MethodTraffic is the stream of a lab's traffic client, called without an argument. Its items are []Traffic: what each workload that
// runs did since the item before.
const MethodTraffic = "traffic.watch"
