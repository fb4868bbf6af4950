# shards.sh N [cold]   from now on, keys are spread over the first N shards. No request is lost: nginx reads its configuration again, and old
#                      workers end what they began. With `cold`, every shard begins with an empty cache.
# shards.sh start      starts nginx, with three shards
set -eu

# way NAME DIRECTIVE: the list of shards, with the rule by which a key finds its own.
way() {
    echo "upstream $1 {"
    echo "    $2;"
    for i in $(seq "$shards"); do echo "    server shard-$i:8080;"; done
    echo "    keepalive 16;"
    echo "}"
}

write() {
    {
        # Caches know a page by its epoch and its name. In a new epoch nothing is known.
        echo "map '' \$epoch { default $epoch; }"
        way consistent 'hash $key consistent'
        way modulo 'hash $key'
    } >/tmp/shards.conf.new
    mv /tmp/shards.conf.new /tmp/shards.conf
}

shards=$1
epoch=$(cat /tmp/epoch 2>/dev/null || echo 1)
case "$*" in
start)
    shards=3
    write
    exec nginx -e /dev/stderr -g 'daemon off;'
    ;;
[1-4]) ;;
"$1 cold") epoch=$(date +%s%N) ;;
*)
    echo "shards.sh 1|2|3|4 [cold]" >&2
    exit 2
    ;;
esac
echo "$epoch" >/tmp/epoch
write
nginx -s reload
