# Serves the repositories in /git over HTTP, after making those that are named and not there yet.
set -eu
for name in ${REPOSITORIES:-}; do
    if [ ! -d "/git/$name.git" ]; then
        git init --quiet --bare "/git/$name.git.new"
        mv "/git/$name.git.new" "/git/$name.git"
    fi
done
exec lighttpd -D -f /etc/lighttpd/git.conf
