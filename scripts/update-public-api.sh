#!/usr/bin/env bash
# Writes PublicAPI.Unshipped.txt of each package from its public members, so that a change of the API shows in a diff.
# PublicAPI.Shipped.txt holds what a released version has; a release moves the lines there.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

packages=(Wire Prompts Core Storage TrainingData Testing Embeddings.Local)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Without its lines, each public member is reported (RS0016).
for package in "${packages[@]}"; do
  echo '#nullable enable' > "src/LlmProxy.$package/PublicAPI.Unshipped.txt"
done

for package in Storage TrainingData Testing Embeddings.Local; do
  if ! dotnet build "src/LlmProxy.$package" --configuration Release -v quiet --nologo "$@" -p:TreatWarningsAsErrors=false >> "$log"; then
    grep -E ': error ' "$log" | sort -u >&2
    echo "The build failed; run 'git checkout src/*/PublicAPI.Unshipped.txt' to restore the files." >&2
    exit 1
  fi
done

for package in "${packages[@]}"; do
  file="src/LlmProxy.$package/PublicAPI.Unshipped.txt"
  # The target framework follows the project's name if there are several.
  sed -nE "s/.*warning RS0016: Symbol '(.*)' is not part of the declared public API.*\[[^]]*\/LlmProxy\.$package\.csproj(::[^]]*)?\]\$/\1/p" "$log" \
    | LC_ALL=C sort -u >> "$file"
  echo "$file: $(($(wc -l < "$file") - 1)) members"
done
