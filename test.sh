#!/usr/bin/env bash
# Builds everything in Release, with analyzers, and runs every test. The last line is "N passed, N failed, N skipped".
#   --install    first installs PostgreSQL, pgvector, Java and WireMock with apt-get and npm (as CI does)
#   --long       runs a million mutated requests instead of some thousands, and kills the server 50 times under load instead of twice,
#                and tries 2000 inputs (or as many as LLMPROXY_FUZZ says) of each kind for API, importers, checks, settings and templates
#   --coverage   adds line coverage by assembly
# Other options are passed to "dotnet test", for example --filter "FullyQualifiedName~Wire".
set -uo pipefail
cd "$(dirname "$0")"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

install=0; coverage=0; passed_on=()
while [ $# -gt 0 ]; do
  case "$1" in
    --install) install=1 ;;
    --long) export LLMPROXY_MUTATIONS=1000000 LLMPROXY_KILLS=50 LLMPROXY_FUZZ="${LLMPROXY_FUZZ:-2000}" ;;
    --coverage) coverage=1 ;;
    *) passed_on+=("$1") ;;
  esac
  shift
done

if ! command -v dotnet >/dev/null 2>&1; then
  echo "The .NET SDK is missing: install version 10 (see global.json), then run this again." >&2
  exit 1
fi

if [ "$install" -eq 1 ]; then
  bash scripts/install-postgres.sh
  bash scripts/install-wiremock.sh
fi

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
status=0

echo "Building…"
if ! dotnet build LlmProxy.sln --configuration Release -v quiet --nologo; then
  echo "The build failed; no test was run." >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi

# Code style and analyzers are part of the build; white space is not.
echo "Checking the format…"
if ! dotnet format whitespace LlmProxy.sln --no-restore --verify-no-changes; then
  echo "The format differs: run 'dotnet format whitespace LlmProxy.sln'." >&2
  status=1
fi

collect=()
[ "$coverage" -eq 1 ] && collect=(--collect "XPlat Code Coverage")
for project in tests/*.Tests/*.csproj; do
  name=$(basename "$project" .csproj)
  echo "Testing $name…"
  dotnet test "$project" --configuration Release --no-build --nologo \
    --blame-hang-timeout 5m --blame-hang-dump-type none --results-directory "$results" \
    --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" "${collect[@]+"${collect[@]}"}" "${passed_on[@]+"${passed_on[@]}"}" || status=1
done

if [ "$coverage" -eq 1 ]; then
  echo "Line coverage by assembly (the highest of the test runs):"
  find "$results" -name 'coverage.cobertura.xml' -exec sed -nE 's/.*<package name="([^"]+)" line-rate="([0-9.]+)".*/\1 \2/p' {} + \
    | sort -k1,1 -k2,2nr | sort -u -k1,1 | awk '{ printf "  %-24s %5.1f %%\n", $1, $2 * 100 }'
fi

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
  grep -hoE '<UnitTestResult [^>]*outcome="NotExecuted"[^>]*>' "$results"/*.trx | sed -nE 's/.*testName="([^"]*)".*/  \1/p' | sort | uniq | head -n 60
fi

[ "$status" -ne 0 ] && [ "$failed" -eq 0 ] && failed=1
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
