#!/usr/bin/env bash
# Runs every test of the repository. What the tests need beside the .NET SDK is installed where that is possible; where
# it is not, the tests that need it are skipped, visibly. The last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

if ! command -v dotnet >/dev/null 2>&1; then
  echo "The .NET SDK is missing: install version 10 (see global.json), then run this again." >&2
  exit 1
fi

bash scripts/install-postgres.sh
bash scripts/install-wiremock.sh

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

echo "Building…"
if ! dotnet build LlmProxy.sln --configuration Release -v quiet --nologo; then
  echo "The build failed; no test was run." >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi

status=0
for project in tests/*.Tests/*.csproj; do
  name=$(basename "$project" .csproj)
  echo "Testing $name…"
  dotnet test "$project" --configuration Release --no-build --nologo \
    --blame-hang-timeout 5m --blame-hang-dump-type none --results-directory "$results" \
    --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" "$@" || status=1
done

# The counts come from the result files: one for each project.
passed=0; failed=0; skipped=0
for file in "$results"/*.trx; do
  [ -f "$file" ] || continue
  count() { sed -nE "s/.*<Counters [^>]*\b$1=\"([0-9]+)\".*/\1/p" "$file" | head -n 1; }
  passed=$((passed + $(count passed)))
  failed=$((failed + $(count failed)))
  skipped=$((skipped + $(count total) - $(count executed)))
done

if [ "$skipped" -gt 0 ]; then
  echo "Skipped:"
  grep -hoE '<UnitTestResult [^>]*outcome="NotExecuted"[^>]*>' "$results"/*.trx | sed -nE 's/.*testName="([^"]*)".*/  \1/p' | sed -E 's/^  LlmProxy\.Tests\.//' | sort | uniq | head -n 60
fi

[ "$status" -ne 0 ] && [ "$failed" -eq 0 ] && failed=1
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
