package workload

// OperationKind is what a request does.
type OperationKind string

// The kinds of operations. Which of them a target understands depends on its protocol: see Operations.
const (
	Read      OperationKind = "read"      // get a key
	Write     OperationKind = "write"     // set a key to a value
	Delete    OperationKind = "delete"    // remove a key
	Increment OperationKind = "increment" // add one to a key
	Ping      OperationKind = "ping"      // ask for a sign of life
	Command   OperationKind = "command"   // a Redis command, word by word
	Request   OperationKind = "request"   // an HTTP request
	Statement OperationKind = "statement" // an SQL statement
	Produce   OperationKind = "produce"   // append a record to a topic
	Consume   OperationKind = "consume"   // take the next records of a topic, from its beginning on
	Connect   OperationKind = "connect"   // open a connection and close it
	Echo      OperationKind = "echo"      // send a value and expect the same bytes back
)

// Operation is one kind of request in a mix. In Path, Headers, Body, Command and Statement, `{key}` stands for the key,
// `{number}` for the key's number and `{value}` for a value; any other brace stands for itself.
type Operation struct {
	// Operation is what the request does.
	Operation OperationKind `json:"operation" yaml:"operation" jsonschema:"enum=read,enum=write,enum=delete,enum=increment,enum=ping,enum=command,enum=request,enum=statement,enum=produce,enum=consume,enum=connect,enum=echo"`
	// Weight is how often it is drawn, against the sum of all weights. Default: 1.
	Weight float64 `json:"weight,omitempty" yaml:"weight,omitempty" jsonschema:"minimum=0"`
	// Method is the HTTP method. Default: GET, and POST with a body.
	Method string `json:"method,omitempty" yaml:"method,omitempty"`
	// Path is the HTTP path with its query. Default: the target's.
	Path string `json:"path,omitempty" yaml:"path,omitempty"`
	// Headers are HTTP headers.
	Headers map[string]string `json:"headers,omitempty" yaml:"headers,omitempty"`
	// Body is the HTTP body.
	Body string `json:"body,omitempty" yaml:"body,omitempty"`
	// Command is a Redis command, such as [HSET, "{key}", field, "{value}"].
	Command []string `json:"command,omitempty" yaml:"command,omitempty"`
	// Statement is an SQL statement. `{key}`, `{number}` and `{value}` are passed as parameters, so they take no quotes.
	Statement string `json:"statement,omitempty" yaml:"statement,omitempty"`
	// Topic is the Kafka topic. Default: the target's path.
	Topic string `json:"topic,omitempty" yaml:"topic,omitempty"`
	// Acks is how many Kafka replicas must have a record: all, leader or none. Default: all.
	Acks string `json:"acks,omitempty" yaml:"acks,omitempty" jsonschema:"enum=all,enum=leader,enum=none"`
	// Serializable lets an etcd read be answered by any member, perhaps with an old value.
	Serializable bool `json:"serializable,omitempty" yaml:"serializable,omitempty"`
}

// Placeholders are the names that may stand in braces in an operation's texts and in a target's path.
func Placeholders() []string { return []string{"key", "number", "value"} }

// Operations returns the operations that a protocol understands, or nil for an unknown protocol.
func Operations(protocol Protocol) []OperationKind {
	switch protocol {
	case HTTP, HTTP2:
		return []OperationKind{Request}
	case Redis:
		return []OperationKind{Read, Write, Delete, Increment, Ping, Command}
	case Memcached:
		return []OperationKind{Read, Write, Delete, Increment, Ping}
	case MySQL:
		return []OperationKind{Statement, Ping}
	case Etcd:
		return []OperationKind{Read, Write, Delete}
	case Kafka:
		return []OperationKind{Produce, Consume}
	case TCP:
		return []OperationKind{Connect, Echo}
	}
	return nil
}

func defaultMix(protocol Protocol) []Operation {
	switch protocol {
	case HTTP, HTTP2:
		return []Operation{{Operation: Request}}
	case Redis, Memcached, Etcd:
		return []Operation{{Operation: Read, Weight: 9}, {Operation: Write, Weight: 1}}
	case MySQL:
		return []Operation{{Operation: Ping}}
	case Kafka:
		return []Operation{{Operation: Produce}}
	case TCP:
		return []Operation{{Operation: Connect}}
	}
	return nil
}
