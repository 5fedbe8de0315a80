# A private Postgres for one test run: own port, own directory, gone afterwards. Sourced, not run.
# shellcheck shell=bash

POSTGRES_DIR=
POSTGRES_JOB=
POSTGRES_USER=

# The directory with Postgres' programs, newest version first; empty where there is none.
postgres_bin() {
  local dir
  if [[ -n ${ALKHUB_TEST_POSTGRES_BIN:-} ]]; then
    printf '%s\n' "$ALKHUB_TEST_POSTGRES_BIN"
    return
  fi
  # Debian keeps them out of PATH.
  for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    if [[ -x $dir/postgres && -x $dir/initdb ]]; then
      printf '%s\n' "$dir"
      return
    fi
  done
  if have initdb && have postgres; then dirname "$(readlink -f "$(command -v initdb)")"; fi
}

# Postgres refuses to run as root.
as_postgres() {
  if [[ -n $POSTGRES_USER ]]; then
    setpriv --reuid "$POSTGRES_USER" --regid "$(id -g "$POSTGRES_USER")" --clear-groups -- env HOME=/ "$@"
  else
    "$@"
  fi
}

# Takes a port that is free now; another process may be faster, so the caller tries again.
free_port() {
  python3 - <<'P'
import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])
P
}

# start_postgres: exports ALKHUB_TEST_POSTGRES_URL, the address of an administrator.
start_postgres() {
  local bin password port try began=$SECONDS
  bin=$(postgres_bin)
  [[ -n $bin ]] || die "Postgres is not installed; install Debian's package postgresql, or give --quick"
  if [[ $(id -u) -eq 0 ]]; then
    POSTGRES_USER=postgres
    id -u "$POSTGRES_USER" >/dev/null 2>&1 || POSTGRES_USER=nobody
  fi
  # Not under target/: the server's user may not be able to reach that, and a socket's path has to be short.
  POSTGRES_DIR=$(mktemp -d /tmp/alkhub-pg.XXXXXX)
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '%s' "$password" >"$POSTGRES_DIR/password"
  mkdir "$POSTGRES_DIR/data"
  if [[ -n $POSTGRES_USER ]]; then chown -R "$POSTGRES_USER" "$POSTGRES_DIR"; fi
  as_postgres "$bin/initdb" -D "$POSTGRES_DIR/data" -U postgres -E UTF8 --locale=C.UTF-8 --no-sync \
    --auth=scram-sha-256 --pwfile="$POSTGRES_DIR/password" >"$POSTGRES_DIR/initdb.log" 2>&1 ||
    { cat "$POSTGRES_DIR/initdb.log" >&2; die "initdb failed"; }
  # What is durable is the hub's affair here: tests kill the hub, never this server.
  cat >>"$POSTGRES_DIR/data/postgresql.conf" <<EOF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$POSTGRES_DIR'
fsync = off
full_page_writes = off
max_connections = 300
# A client that stops in the middle of logging in holds up DROP DATABASE for as long.
authentication_timeout = 10s
shared_buffers = 64MB
EOF
  for try in 1 2 3 4 5; do
    port=$(free_port)
    # Should this script be killed outright, the server goes with it.
    if [[ -n $POSTGRES_USER ]]; then
      setpriv --reuid "$POSTGRES_USER" --regid "$(id -g "$POSTGRES_USER")" --clear-groups --pdeathsig TERM -- \
        "$bin/postgres" -D "$POSTGRES_DIR/data" -p "$port" >"$POSTGRES_DIR/server.log" 2>&1 </dev/null &
    else
      setpriv --pdeathsig TERM -- \
        "$bin/postgres" -D "$POSTGRES_DIR/data" -p "$port" >"$POSTGRES_DIR/server.log" 2>&1 </dev/null &
    fi
    POSTGRES_JOB=$!
    if postgres_answers "$bin" "$port"; then break; fi
    stop_postgres_server
    ((try < 5)) || { cat "$POSTGRES_DIR/server.log" >&2; die "Postgres did not start"; }
  done
  export ALKHUB_TEST_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
  STEPS_SUMMARY+=("$(printf '%sok%s    %5ds  Private Postgres' "$GREEN" "$PLAIN" "$((SECONDS - began))")")
  printf '%s on port %s\n' "$("$bin/postgres" --version)" "$port"
}

postgres_answers() {
  for _ in {1..150}; do
    kill -0 "$POSTGRES_JOB" 2>/dev/null || return 1
    if "$1/pg_isready" -q -h 127.0.0.1 -p "$2" -U postgres; then return 0; fi
    sleep 0.1
  done
  return 1
}

stop_postgres_server() {
  [[ -n $POSTGRES_JOB ]] || return 0
  # QUIT: at once, without a checkpoint; the data is thrown away.
  kill -QUIT "$POSTGRES_JOB" 2>/dev/null || true
  wait "$POSTGRES_JOB" 2>/dev/null || true
  POSTGRES_JOB=
}

stop_postgres() {
  stop_postgres_server
  if [[ -n $POSTGRES_DIR ]]; then rm -rf -- "$POSTGRES_DIR"; fi
  POSTGRES_DIR=
}
