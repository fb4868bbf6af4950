# The cache. It speaks plain HTTP, and has no other way: Varnish leaves TLS to others.
vcl 4.1;

import directors;

backend replica_1 { .host = "replica-1"; .port = "8080"; }
backend replica_2 { .host = "replica-2"; .port = "8080"; }

sub vcl_init {
    new replicas = directors.round_robin();
    replicas.add_backend(replica_1);
    replicas.add_backend(replica_2);
}

sub vcl_recv {
    unset req.http.Cookie;
    set req.backend_hint = replicas.backend();
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.X-Cache = "hit";
    } else {
        set resp.http.X-Cache = "miss";
    }
}
