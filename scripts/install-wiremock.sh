#!/usr/bin/env bash
# Gets Java and WireMock for the tests that load exported runs into the real WireMock, where that can be done. The jar
# lies outside the repository, in the folder that the tests look into. It can be run again at any time, prints one line
# that says what it did or why not, and always ends with 0: without WireMock those tests are skipped, visibly.
set -u
export DEBIAN_FRONTEND=noninteractive

version=3.13.2
digest=d097b19bd483c5038479b13a5c71e9faf8f2f5106584f0c120a7770ab0bdb367
jar=wiremock-standalone-$version.jar
cache="${LLMPROXY_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/llmproxy-tests}"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

finish() {
    echo "install-wiremock: $1"
    exit 0
}

if ! command -v java >/dev/null; then
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || finish "not installed: Java is missing; install Java 11 or newer by hand."
    { apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless; } >"$work/log" 2>&1 ||
        finish "not installed: apt-get could not install openjdk-17-jre-headless."
fi

if [ -f "$cache/$jar" ]; then
    finish "nothing to do, WireMock $version is in $cache."
fi
command -v npm >/dev/null || finish "not installed: npm is missing; put $jar into $cache by hand."
(cd "$work" && npm pack "wiremock@$version" --silent && tar -xzf "wiremock-$version.tgz") >"$work/log" 2>&1 ||
    finish "not installed: npm could not get the package wiremock $version."
echo "$digest  $work/package/build/$jar" | sha256sum --check --status || finish "not installed: the package's $jar is not the one that is known."
mkdir -p "$cache" && mv "$work/package/build/$jar" "$cache/$jar" || finish "not installed: $cache cannot be written."
finish "WireMock $version is in $cache."
