# Carries the main branch of $REMOTE to /site: each commit to a folder of its own, releases/COMMIT, and `current` is a link to one of them.
# A commit whose pages do not answer well is refused: what was current before is current again, until somebody pushes another commit.
set -u
trap 'exit 0' TERM INT
cd /site

say() { echo "$*"; }
pause() { sleep "$1" & wait $!; }
repository() { git --git-dir=/site/repository.git "$@"; }

# point NAME COMMIT: from one instant to the next, the link NAME is another one. There is no time between in which it is not there.
point() { ln -s "releases/$2" "$1.new" && mv -T "$1.new" "$1"; }

# runs: the runtime answers, whatever it says. Without it no commit can be judged.
runs() { perl /etc/lab/get.pl http://web:8080/ >/dev/null || [ $? -ne 2 ]; }

pages() {
    for path in $CHECK; do
        perl /etc/lab/get.pl "$1$path" >/dev/null || { say "$1$path is not answered well"; return 1; }
    done
}

# well BASE: the pages to look at are answered well, at one of three times. Once could be bad luck.
well() { pages "$1" || { pause 0.5; pages "$1"; } || { pause 0.5; pages "$1"; }; }

unpack() {
    [ -d "releases/$1" ] && return
    mkdir -p "releases/$1.new" && repository --work-tree="releases/$1.new" checkout --quiet --force "$1" -- . && mv -T "releases/$1.new" "releases/$1"
}

# deploy COMMIT BEFORE: fails where the commit is refused.
deploy() {
    unpack "$1" || return 1
    if [ "$TEST" = before ] && [ -n "$2" ]; then
        point next "$1" && well http://web:8081 && point current "$1"
        return
    fi
    point current "$1"
    # The first one stays in any case: there is nothing to go back to.
    well http://web:8080 || [ -z "$2" ] && return
    point current "$2"
    return 1
}

rm -rf ./*.new releases/*.new
[ -d repository.git ] || git init --quiet --bare repository.git
# Somebody may have ended this script between the change of a release and its test: back to the last one that passed.
[ ! -L good ] || [ "$(readlink current)" = "$(readlink good)" ] || point current "$(readlink good | sed 's,^releases/,,')"
while :; do
    # Whoever starts with an empty repository finds no main in it yet.
    if repository fetch --quiet "$REMOTE" +main:main 2>/tmp/problem; then
        commit=$(repository rev-parse main)
        before=$(readlink current 2>/dev/null | sed 's,^releases/,,')
        if [ "$commit" != "$before" ] && [ "$commit" != "$(cat refused 2>/dev/null)" ] && runs; then
            if deploy "$commit" "$before"; then
                point good "$commit"
                say "deployed $commit"
                # This one, and the one to go back to.
                for old in releases/*; do
                    case "${old#releases/}" in "$commit" | "$before") ;; *) rm -rf "$old" ;; esac
                done
            else
                echo "$commit" >refused
                say "refused $commit; ${before:-nothing} stays"
            fi
        fi
    fi
    pause "$PERIOD"
done
