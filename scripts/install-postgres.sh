#!/usr/bin/env bash
# Installs PostgreSQL and pgvector for the tests of the PostgreSQL store, where that can be done: Debian or Ubuntu, as
# root. It can be run again at any time, prints one line that says what it did or why not, and always ends with 0:
# without PostgreSQL those tests are skipped, visibly.
set -u
export DEBIAN_FRONTEND=noninteractive

work=$(mktemp -d)
log="$work/log"
trap 'rm -rf "$work"' EXIT

finish() {
    echo "install-postgres: $1"
    exit 0
}

fail() {
    finish "$1 Last lines of the log: $(tail -n 3 "$log" 2>/dev/null | tr '\n' ' ')"
}

newest_server() {
    find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null | grep -E '^[0-9]+$' | sort -n | tail -n 1
}

has_vector() {
    [ -n "$1" ] && [ -f "/usr/share/postgresql/$1/extension/vector.control" ]
}

# The first Debian mirror of the machine's own apt sources, in either of their two formats.
mirror() {
    {
        sed -nE 's/^deb(-src)?[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\3/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list
        awk 'tolower($1) == "uris:" { print $2 }' /etc/apt/sources.list.d/*.sources
    } 2>/dev/null | grep -E '/debian/?$' | head -n 1
}

version=$(newest_server)
if has_vector "$version"; then
    finish "nothing to do, PostgreSQL $version with pgvector is installed."
fi
if [ "$(id -u)" -ne 0 ]; then
    finish "not installed: run it as root, or install PostgreSQL with pgvector by hand."
fi
if ! command -v apt-get >/dev/null; then
    finish "not installed: there is no apt-get here; install PostgreSQL with pgvector by hand."
fi

apt-get update >>"$log" 2>&1 || fail "not installed: apt-get update failed."
if [ -z "$version" ]; then
    apt-get install -y --no-install-recommends postgresql >>"$log" 2>&1 || fail "not installed: apt-get could not install postgresql."
    version=$(newest_server)
    [ -n "$version" ] || fail "not installed: postgresql is installed, but no server is in /usr/lib/postgresql."
fi

# Newer releases, and the PostgreSQL project's own packages, have pgvector ready.
if apt-cache show "postgresql-$version-pgvector" >/dev/null 2>&1; then
    apt-get install -y --no-install-recommends "postgresql-$version-pgvector" >>"$log" 2>&1 || fail "pgvector not installed: apt-get could not install postgresql-$version-pgvector."
    finish "installed pgvector for PostgreSQL $version from its package."
fi

# Debian 12 has none, but the source of the next release compiles against its server. Its list stays in a folder of
# its own, so that the machine's lists are as before.
address=$(mirror)
[ -n "$address" ] || finish "pgvector not installed: no Debian mirror in the machine's apt sources to take its source from."
apt-get install -y --no-install-recommends "postgresql-server-dev-$version" build-essential >>"$log" 2>&1 || fail "pgvector not installed: apt-get could not install what compiles it."

mkdir -p "$work/lists/partial" "$work/source"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
options=""
[ -f "$keyring" ] && options="[signed-by=$keyring] "
echo "deb-src ${options}${address} trixie main" >"$work/trixie.list"
own_lists=(-o "Dir::Etc::sourcelist=$work/trixie.list" -o "Dir::Etc::sourceparts=/dev/null" -o "Dir::State::Lists=$work/lists" -o "APT::Sandbox::User=root")
apt-get "${own_lists[@]}" update >>"$log" 2>&1 || fail "pgvector not installed: the list of its sources could not be read."
(cd "$work/source" && apt-get "${own_lists[@]}" source --download-only pgvector) >>"$log" 2>&1 || fail "pgvector not installed: its source could not be fetched."
archive=$(find "$work/source" -name 'pgvector_*.orig.tar.gz' | head -n 1)
[ -n "$archive" ] || fail "pgvector not installed: no source archive was fetched."
mkdir "$work/build"
tar -xzf "$archive" -C "$work/build" --strip-components=1 >>"$log" 2>&1 || fail "pgvector not installed: its source archive is damaged."
# OPTFLAGS is empty so that the result runs on another processor of this kind too.
make_options=(OPTFLAGS="" with_llvm=no "PG_CONFIG=/usr/lib/postgresql/$version/bin/pg_config")
(cd "$work/build" && make "${make_options[@]}" && make install "${make_options[@]}") >>"$log" 2>&1 || fail "pgvector not installed: it does not compile."
has_vector "$version" || fail "pgvector not installed: it was built, but its control file is not where PostgreSQL $version looks."
finish "built and installed pgvector for PostgreSQL $version ($(sed -n "s/^default_version = '\(.*\)'/\1/p" "/usr/share/postgresql/$version/extension/vector.control"))."
