// Package audit compares what a source has with what its queue says became of it, item by item, and with the results that there are. It asks both like anybody else.
//
//	report, err := audit.Compare(ctx, audit.Options{Source: "http://source:8080", Queue: "http://queue:8080", Results: "/thumbs", Ending: ".jpg"})
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/images/node/workqueue/api"
)

// Options say what is compared.
type Options struct {
	Source, Queue string
	// Results is a folder with a file for each item that is done, whose name is the item's and Ending. Empty is none.
	Results, Ending string
}

// Report is what was found.
type Report struct {
	// Items are those of the source.
	Items    int `json:"items"`
	Done     int `json:"done"`
	Dead     int `json:"dead"`
	Waiting  int `json:"waiting"`
	InFlight int `json:"in_flight"`
	// Redone are the done ones that took more than one attempt.
	Redone int `json:"redone"`
	// Lost are items of the source that the queue does not know, Invented those of the queue that the source does not know, Twice those that the queue has more than once, or in a
	// state that is none.
	Lost     int `json:"lost"`
	Invented int `json:"invented"`
	Twice    int `json:"twice"`
	// Files are the results, Without the items that are done and have none, and Unexpected the results whose item is not done.
	Files      int `json:"files"`
	Without    int `json:"without"`
	Unexpected int `json:"unexpected"`
}

// Exact says whether every item is in one state, and done exactly where it has a result.
func (r Report) Exact() bool {
	return r.Lost == 0 && r.Invented == 0 && r.Twice == 0 && r.Without == 0 && r.Unexpected == 0 && r.Items == r.Done+r.Dead+r.Waiting+r.InFlight
}

type item struct {
	Name     string `json:"name"`
	State    string `json:"state"`
	Attempts int    `json:"attempts"`
}

// Compare asks the source, then the queue, then looks at the results. Items that come meanwhile may be missing in one of them: an audit is exact where nothing comes.
func Compare(ctx context.Context, o Options) (Report, error) {
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	var source api.ItemList
	var queue struct {
		Items []item `json:"items"`
	}
	if err := get(ctx, client, o.Source+"/api/v1/items", &source); err != nil {
		return Report{}, err
	}
	if err := get(ctx, client, o.Queue+"/items?limit=0", &queue); err != nil {
		return Report{}, err
	}
	files := map[string]bool{}
	if o.Results != "" {
		all, err := os.ReadDir(o.Results)
		if err != nil {
			return Report{}, fmt.Errorf("results: %w", err)
		}
		for _, f := range all {
			if name, result := strings.CutSuffix(f.Name(), o.Ending); result && !f.IsDir() {
				files[name] = true
			}
		}
	}
	slices.Sort(source.Items)
	return compare(source.Items, queue.Items, files, o.Results != ""), nil
}

func compare(source []string, queue []item, files map[string]bool, results bool) Report {
	r := Report{Items: len(source), Files: len(files)}
	states := map[string]string{}
	for _, i := range queue {
		if _, known := states[i.Name]; known {
			r.Twice++
			continue
		}
		states[i.Name] = i.State
		switch i.State {
		case "done":
			r.Done++
			if i.Attempts > 1 {
				r.Redone++
			}
			if results && !files[i.Name] {
				r.Without++
			}
		case "dead":
			r.Dead++
		case "waiting":
			r.Waiting++
		case "in_flight":
			r.InFlight++
		default:
			r.Twice++
		}
	}
	for name := range files {
		if states[name] != "done" {
			r.Unexpected++
		}
	}
	for _, name := range source {
		if _, known := states[name]; !known {
			r.Lost++
		}
	}
	for name := range states {
		if _, known := slices.BinarySearch(source, name); !known {
			r.Invented++
		}
	}
	return r
}

func get(ctx context.Context, client *http.Client, address string, into any) error {
	text, err := api.Ask(ctx, client, http.MethodGet, address, 64<<20)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
