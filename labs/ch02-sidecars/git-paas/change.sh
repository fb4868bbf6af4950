# change.sh version NAME     pushes a commit that works: the site says NAME
# change.sh crash            pushes one whose program the shell cannot even read
# change.sh item             pushes one that fails for items, and for nothing else
# change.sh stay             pushes the first version where there is none, and stays
set -eu
export HOME=/tmp
trap 'exit 0' TERM INT

push() { # push TEXT: the site as it stands in /tmp/app
    rm -rf /tmp/site
    git clone --quiet "$REMOTE" /tmp/site 2>/dev/null
    cat /tmp/app >/tmp/site/app
    cd /tmp/site
    git add app
    if git diff --cached --quiet; then
        echo "nothing to change"
        return
    fi
    git -c user.name=developer -c user.email=developer@example.com commit --quiet -m "$1"
    git push --quiet origin HEAD:main
    git log -1 --format='pushed %h: %s'
    cd /tmp
}

# Not a copy: the original cannot be written to.
cat /etc/lab/app >/tmp/app
case "$1" in
version)
    sed -i "s/^version=.*/version=$2/" /tmp/app
    push "Call it $2"
    ;;
crash)
    sed -i 's/^color=.*/color=(/' /tmp/app
    push "Make it quicker"
    ;;
item)
    sed -i 's/costs 3"/costs $((3 \/ 0))"/' /tmp/app
    push "Make items cheaper"
    ;;
stay)
    until heads=$(git ls-remote --heads "$REMOTE" 2>/dev/null); do sleep 0.2; done
    [ -n "$heads" ] || push "The first version"
    while :; do sleep 3600 & wait $!; done
    ;;
*)
    echo "change.sh version NAME|crash|item" >&2
    exit 2
    ;;
esac
