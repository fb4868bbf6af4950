# lock.sh TABLE READ|WRITE SECONDS: somebody's maintenance. A backup locks with READ: others may read and not write. A change of the
# table locks with WRITE: others can do neither. It goes on in the background; this returns when the lock is held. A maintenance of the
# same table that is still under way ends.
set -eu
table=$1 kind=$2 seconds=$3
root() { mariadb --user=root --skip-column-names --execute "$1"; }
holds="FROM information_schema.processlist WHERE info LIKE '%maintenance of $table%' AND id <> CONNECTION_ID()"
for id in $(root "SELECT id $holds"); do
    root "KILL $id" || true
done
mariadb --user=root shop --comments --execute "LOCK TABLES $table $kind; SELECT SLEEP($seconds) /* maintenance of $table */" </dev/null >/dev/null 2>&1 &
for _ in $(seq 50); do
    if [ "$(root "SELECT COUNT(*) $holds AND state = 'User sleep' AND info LIKE '%SLEEP($seconds)%'")" != 0 ]; then
        exit 0
    fi
    sleep 0.1
done
echo "$table could not be locked" >&2
exit 1
