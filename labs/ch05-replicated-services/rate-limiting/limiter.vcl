# The limiter. Change it in a copy: ddsctl lab init rate-limiting ./mine, ddsctl lab up ./mine, and after each change
# ddsctl lab apply ./mine.
vcl 4.1;

import directors;
import vsthrottle;

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
    # A bucket for each of them, with 20 tokens, into which 20 fall in 1 s. A request takes one; who finds none is refused.
    # When you change the rate, change it below as well.
    if (vsthrottle.is_denied(req.http.X-Who, 20, 1s)) {
        return (synth(429, "Too Many Requests"));
    }
    # This one limits, and keeps nothing.
    return (pass);
}

sub vcl_deliver {
    set resp.http.RateLimit-Limit = "20";
    set resp.http.RateLimit-Remaining = vsthrottle.remaining(req.http.X-Who, 20, 1s);
    set resp.http.RateLimit-Reset = "1";
    set resp.http.RateLimit-Policy = "20;w=1";
}

sub vcl_synth {
    if (resp.status == 429) {
        set resp.http.RateLimit-Limit = "20";
        set resp.http.RateLimit-Remaining = "0";
        set resp.http.RateLimit-Reset = "1";
        set resp.http.RateLimit-Policy = "20;w=1";
        # When it is worth asking again.
        set resp.http.Retry-After = "1";
        set resp.http.Content-Type = "text/plain; charset=utf-8";
        synthetic({"20 requests a second, and no more. Ask again in a second.
"});
        return (deliver);
    }
}
