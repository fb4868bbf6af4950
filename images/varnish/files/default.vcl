vcl 4.1;

# What runs when no configuration is given: it says what is missing.
backend default none;

sub vcl_recv {
    return (synth(503, "Mount a configuration at /etc/varnish/default.vcl"));
}
