# The cache. Change it in a copy: ddsctl lab init caching-layer ./mine, ddsctl lab up ./mine, and after each change
# ddsctl lab apply ./mine.
vcl 4.1;

import directors;

# A replica with fifty lookups waiting gets no more of them.
backend replica_1 { .host = "replica-1"; .port = "8080"; .max_connections = 50; }
backend replica_2 { .host = "replica-2"; .port = "8080"; .max_connections = 50; }
backend replica_3 { .host = "replica-3"; .port = "8080"; .max_connections = 50; }
backend front { .host = "front"; .port = "8080"; }

sub vcl_init {
    new replicas = directors.round_robin();
    replicas.add_backend(replica_1);
    replicas.add_backend(replica_2);
    replicas.add_backend(replica_3);
}

sub vcl_recv {
    # Who asks makes no difference to the answer.
    unset req.http.Cookie;
    if (req.url == "/front") {
        set req.backend_hint = front;
    } else {
        set req.backend_hint = replicas.backend();
    }
}

sub vcl_backend_response {
    # The replicas say themselves for how long an answer holds: Cache-Control, thirty seconds. The front page says nothing.
    if (bereq.url == "/front") {
        set beresp.ttl = 2s;
    }
    # How long an answer may be handed out after that, while a new one is fetched.
    set beresp.grace = 0s;
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.X-Cache = "hit";
    } else {
        set resp.http.X-Cache = "miss";
    }
}
