# The limiter. Change it in a copy: ddsctl lab init rate-limiting ./mine, ddsctl lab up ./mine, and after each change
# ddsctl lab apply ./mine.
vcl 4.1;

import directors;

# A replica with fifty lookups waiting gets no more of them.
backend replica_1 { .host = "replica-1"; .port = "8080"; .max_connections = 50; }
backend replica_2 { .host = "replica-2"; .port = "8080"; .max_connections = 50; }

sub vcl_init {
    new replicas = directors.round_robin();
    replicas.add_backend(replica_1);
    replicas.add_backend(replica_2);
}

sub vcl_recv {
    # Who asks: the key that they were given, or the address where they have none.
    if (req.http.X-Api-Key) {
        set req.http.X-Who = "key " + req.http.X-Api-Key;
    } else {
        set req.http.X-Who = "address " + client.ip;
    }
    set req.backend_hint = replicas.backend();
    # Nobody is limited.
    return (pass);
}
