package class

import "time"

// JoinRequest is what a student asks to join with: POST /api/join.
type JoinRequest struct {
	Token string `json:"token"` // of the join link
	Name  string `json:"name"`
}

// Joined is the answer. The secret is told this once; the server keeps a hash.
type Joined struct {
	Class  string `json:"class"`
	ID     string `json:"id"`
	Name   string `json:"name"`
	Secret string `json:"secret"`
}

// Failure is the answer to what is refused.
type Failure struct {
	Error string `json:"error"`
}

// Info is what anybody may know of a server: GET /api/class.
type Info struct {
	Class string    `json:"class"`
	Time  time.Time `json:"time"`
}
