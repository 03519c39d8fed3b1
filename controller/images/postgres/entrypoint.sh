#!/bin/sh
# Starts PostgreSQL on whatever PGDATA holds: nothing, data, or what an interrupted first start left. Honours POSTGRES_USER,
# POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE), POSTGRES_DB and PGDATA like the official image, and differs from it in three things:
#  - a first start killed at any point is resumed or repeated by the next, never mistaken for finished data;
#  - POSTGRES_PASSWORD is set at every start, so losing the Secret and making a new one does not lock the data away;
#  - two containers on one volume: the second waits, and gives up, instead of ruining the data.
set -eu

if [ "${1:-postgres}" = postgres ]; then
  [ $# -eq 0 ] || shift
else
  case $1 in -*) ;; *) exec "$@" ;; esac
fi

PGDATA=${PGDATA:-/var/lib/postgresql/data}
export PGDATA
staging=$PGDATA/.first-start
lock=$PGDATA/.coxswain.lock

die() {
  printf 'entrypoint: %s\n' "$*" >&2
  exit 1
}

if [ "$(id -u)" = 0 ]; then
  # A new Docker volume belongs to root, and may hold files of an older uid.
  mkdir -p "$PGDATA" /run/postgresql
  chmod 0700 "$PGDATA"
  find "$PGDATA" /run/postgresql ! -user 999 -exec chown -h 999:999 {} +
  exec setpriv --reuid=999 --regid=999 --clear-groups --inh-caps=-all -- "$0" "$@"
fi

if [ -z "${POSTGRES_PASSWORD:-}" ] && [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
fi
password=${POSTGRES_PASSWORD:-}
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
# The server and its sessions must not carry the password in their environment.
unset POSTGRES_PASSWORD

newline='
'
case $user$password$database in
  *"$newline"*) die 'POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB must not contain a line break' ;;
esac

quoted() { # quoted QUOTE TEXT: as an SQL literal (') or identifier (")
  printf '%s%s%s' "$1" "$(printf '%s' "$2" | sed "s/$1/$1$1/g")" "$1"
}

# Single-user mode reads one statement a line from standard input: no server, no socket, no client, no password needed.
# Statements never reach the log, an error ends it with a status, and its prompts are thrown away.
run_sql() { # run_sql DATA_DIRECTORY [POSTGRES_OPTION...] <statements
  directory=$1
  shift
  postgres --single -D "$directory" -c exit_on_error=on -c log_min_error_statement=panic -c log_statement=none \
    -c log_checkpoints=off "$@" postgres >/dev/null
}

# The kernel frees the lock with the last process of the server (they inherit descriptor 9), and sees it across containers,
# where PostgreSQL's own check of process ids cannot.
take_lock() {
  mkdir -p "$PGDATA"
  exec 9>>"$lock"
  waited=0
  until flock -n 9; do
    [ "$waited" -gt 0 ] || echo 'entrypoint: another container is still using this data; waiting for it to stop' >&2
    [ "$waited" -lt 30 ] || die "another container has used $PGDATA for 30 s: stop it first"
    waited=$((waited + 1))
    sleep 1
  done
  # Left by a server that was killed. Its process id (1, most often) means some other process by now, or us.
  rm -f "$PGDATA/postmaster.pid"
}

# Everything is made in $staging. Once that is complete and on disk its entries are moved up one by one, PG_VERSION last:
# only then is there data. Killed before: made again. Killed while moving: the move goes on. Nothing else is ever deleted.
first_start() {
  if [ ! -e "$staging/complete" ]; then
    for entry in "$PGDATA"/* "$PGDATA"/.[!.]*; do
      case ${entry##*/} in
        '*' | '.[!.]*' | lost+found | "${staging##*/}" | "${lock##*/}") ;;
        *) die "$PGDATA holds ${entry##*/} but no PostgreSQL data; refusing to mix. Use an empty volume." ;;
      esac
    done
    [ -n "$password" ] || die 'POSTGRES_PASSWORD is needed to make a new database (an empty one would let anybody in)'
    rm -rf "$staging"
    mkdir -m 0700 "$staging"
    echo 'entrypoint: making a new database' >&2
    printf '%s\n' "$password" | initdb -D "$staging/data" -U "$user" --pwfile=/dev/stdin --encoding=UTF8 --locale=C.UTF-8 \
      --locale-provider=builtin --auth-local=trust --auth-host=scram-sha-256 --no-sync --no-instructions >/dev/null
    printf '\n# Any address, with the password.\nhost all all all scram-sha-256\n' >>"$staging/data/pg_hba.conf"
    if [ "$database" != postgres ]; then
      printf 'CREATE DATABASE %s\n' "$(quoted '"' "$database")" | run_sql "$staging/data" -F
    fi
    sync -f "$staging"
    : >"$staging/complete"
    made_now=yes
  fi
  for entry in "$staging/data"/*; do
    [ "${entry##*/}" = PG_VERSION ] || mv "$entry" "$PGDATA/"
  done
  sync -f "$PGDATA"
  mv "$staging/data/PG_VERSION" "$PGDATA/"
  sync -f "$PGDATA"
}

set_password() {
  [ -n "$password" ] || return 0
  role=$(quoted '"' "$user")
  name=$(quoted "'" "$user")
  {
    printf 'DO $do$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %s) THEN CREATE ROLE %s SUPERUSER; END IF; END $do$\n' "$name" "$role"
    printf 'ALTER ROLE %s LOGIN PASSWORD %s\n' "$role" "$(quoted "'" "$password")"
  } | run_sql "$PGDATA"
}

take_lock
made_now=
[ -s "$PGDATA/PG_VERSION" ] || first_start
# What initdb has just been given needs no second run; what an earlier start made may have another password.
[ -n "$made_now" ] || set_password || die 'the password could not be set (see above)'
rm -rf "$staging"
exec postgres -c listen_addresses='*' -c unix_socket_directories=/run/postgresql -c max_connections=200 "$@"
