#!/bin/sh
# Builds the image of kubeflow/Dockerfile with whichever of docker, podman and buildah is there.
#
# `tools/image.sh PYTHON NAME [BASE]`: PYTHON is an environment's interpreter, which makes the wheel; BASE the base image,
# by default the Dockerfile's own. BUILD_OPTIONS go to the builder, BUILDER chooses one.
set -eu

python=$1 name=$2 base=${3:-}
checkout=$(cd "$(dirname "$0")/.." && pwd)

builder=${BUILDER:-}
for candidate in docker podman buildah; do
  if [ -z "$builder" ] && command -v $candidate >/dev/null; then builder=$candidate; fi
done
[ -n "$builder" ] || {
  echo "image: none of docker, podman, buildah is there; install one (Debian, Ubuntu: apt-get install buildah)." >&2
  exit 1
}

context=$(mktemp -d) made=$(mktemp -d)
trap 'rm -rf "$context" "$made"' EXIT
cd "$checkout"
"$python" setup.py --quiet egg_info --egg-base "$made" build --build-base "$made/build" \
  bdist_wheel --dist-dir "$context/wheel" >"$made/log" 2>&1 || { cat "$made/log" >&2; exit 1; }
mkdir -p "$context/packages/tools" "$context/packages/tfx_explain"
cp -r tools/environment.py tools/interpreters.py tools/standins "$context/packages/tools"
cp -r setup.py requirements "$context/packages"
touch "$context/packages/README.md"  # setup.py reads it; what it says changes nothing
cp tfx_explain/__init__.py "$context/packages/tfx_explain"
find "$context/packages" -exec touch --date=@0 {} +  # for caches that look at times
# shellcheck disable=SC2086  # a word an option
"$builder" build ${BUILD_OPTIONS:-} ${base:+--build-arg "BASE=$base"} --tag "$name" \
  --file "$checkout/kubeflow/Dockerfile" "$context"
