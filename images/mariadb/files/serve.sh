# Starts MariaDB; where its data folder is empty, makes the tables, the user and the database first.
set -eu
data=/var/lib/mysql

# quote makes a string of SQL.
quote() { printf "'%s'" "$(printf %s "$1" | sed "s/[\\\\']/\\\\&/g")"; }

if [ ! -d "$data/mysql" ]; then
    # What is half done is done again: the tables appear under their name when they are whole.
    rm -rf "$data"/* 
    mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve >/dev/null
    {
        echo "FLUSH PRIVILEGES;"
        if [ -n "${MARIADB_ROOT_PASSWORD:-}" ]; then
            echo "ALTER USER root@localhost IDENTIFIED BY $(quote "$MARIADB_ROOT_PASSWORD");"
        fi
        if [ -n "${MARIADB_DATABASE:-}" ]; then
            echo "CREATE DATABASE IF NOT EXISTS \`$MARIADB_DATABASE\`;"
        fi
        if [ -n "${MARIADB_USER:-}" ]; then
            echo "CREATE USER IF NOT EXISTS $(quote "$MARIADB_USER")@'%' IDENTIFIED BY $(quote "${MARIADB_PASSWORD:-}");"
            echo "GRANT ALL ON \`${MARIADB_DATABASE:-%}\`.* TO $(quote "$MARIADB_USER")@'%';"
        fi
        if [ -n "${MARIADB_DATABASE:-}" ]; then
            echo "USE \`$MARIADB_DATABASE\`;"
        fi
        if [ -f /etc/mysql/init.sql ]; then
            cat /etc/mysql/init.sql
        fi
    } | mariadbd --datadir="$data" --bootstrap --log-warnings=0
fi

exec mariadbd --datadir="$data" "$@"
