#!/bin/sh
# Builds the image for the tests on a tree of debootstrap's: `image.sh PYTHON` prints where buildah keeps it.
#
# Storage and tree lie in ${XDG_CACHE_HOME:-~/.cache}/tfx-explain/kubeflow; what the lock file and setup.py ask for is
# installed once, and again when they change. Debian 12's Python 3.11 runs TFX 1.16.
set -eu

checkout=$(cd "$(dirname "$0")/../.." && pwd)
home=${XDG_CACHE_HOME:-$HOME/.cache}/tfx-explain/kubeflow
base=localhost/debian:bookworm
export PATH="$PATH:/usr/sbin:/sbin"

for tool in debootstrap buildah podman; do
  command -v $tool >/dev/null || {
    echo "test-kubeflow: $tool is missing; install it (Debian, Ubuntu: apt-get install debootstrap buildah podman)." >&2
    exit 1
  }
done
[ "$(id -u)" = 0 ] || { echo "test-kubeflow: building in a chroot needs root; run it as root." >&2; exit 1; }

mkdir -p "$home"
storage() { printf '[storage]\ndriver = "%s"\ngraphroot = "%s"\nrunroot = "%s"\n' "$1" "$home/$1" "$home/run-$1"; }
export CONTAINERS_STORAGE_CONF="$home/storage.conf"
# Layers over each other where the kernel allows it, else a copy of all a layer.
for driver in overlay vfs; do
  storage $driver >"$CONTAINERS_STORAGE_CONF"
  if trial=$(buildah from scratch 2>/dev/null) && buildah mount "$trial" >/dev/null 2>&1; then break; fi
done
buildah rm "$trial" >/dev/null

if ! podman image exists $base; then
  tree=$(mktemp -d "$home/tree.XXXXXX")
  trap 'rm -rf "$tree"' EXIT
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$tree" >"$home/debootstrap.log"
  tar -C "$tree" -c . | podman import --quiet - $base >&2
fi

# How this machine reaches PyPI holds inside too.
options=--layers
for path in /etc/ssl/certs /etc/pip.conf; do
  if [ -e $path ]; then options="$options --volume=$path:$path:ro"; fi
done
BUILDER=buildah BUILDAH_ISOLATION=chroot BUILD_OPTIONS=$options \
  "$checkout/tools/image.sh" "$1" localhost/tfx-explain:test $base >&2
echo "$CONTAINERS_STORAGE_CONF"
