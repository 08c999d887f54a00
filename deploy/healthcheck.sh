#!/usr/bin/env bash
# Whether the proxy on this machine can forward requests: exit code 0 if /readyz answers 200. Needs no curl.
#   healthcheck.sh [PORT]
set -eu
exec 3<> "/dev/tcp/127.0.0.1/${1:-8080}"
printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r _ status _ <&3
[ "$status" = 200 ]
