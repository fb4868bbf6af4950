package component

import (
	"context"
	"fmt"
	"io"
)

// nginx reads stub_status (https://nginx.org/en/docs/http/ngx_http_stub_status_module.html).
type nginx struct{}

func (nginx) DefaultPort() uint16 { return 8080 }

func (nginx) Read(ctx context.Context, dial Dialer, target Target) (Reading, error) {
	return get(ctx, dial, target, "/stub_status", parseStubStatus)
}

func parseStubStatus(in io.Reader) (Reading, error) {
	var active, accepts, handled, requests, reading, writing, waiting float64
	_, err := fmt.Fscanf(in, "Active connections: %f \nserver accepts handled requests\n %f %f %f \nReading: %f Writing: %f Waiting: %f",
		&active, &accepts, &handled, &requests, &reading, &writing, &waiting)
	if err != nil {
		return Reading{}, fmt.Errorf("nginx stub_status: %w", err)
	}
	return Reading{
		Gauges:   map[string]float64{"connections_open": active, "reading": reading, "writing": writing, "waiting": waiting},
		Counters: map[string]float64{"connections": accepts, "handled": handled, "requests": requests},
	}, nil
}
