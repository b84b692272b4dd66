#!/bin/sh
# Runs `make test demo`, or the make targets given, on Debian 13: TFX 1.21 with Python 3.13, in a clean clone of HEAD.
#
# The Debian tree is made once, with debootstrap, in ${XDG_CACHE_HOME:-~/.cache}/tfx-explain/debian13 (remove it to have
# it made anew); uv's cache in it makes later runs quick. Mounts and processes live in namespaces of their own, so that
# nothing is left of them however the run ends.
set -eu

checkout=$(cd "$(dirname "$0")/.." && pwd)
tree=${XDG_CACHE_HOME:-$HOME/.cache}/tfx-explain/debian13
# The browser is the one that debootstrap can install: it takes no alternatives, of which Chromium's window needs one.
packages=python3,python3-venv,python3-dev,make,g++,git,ca-certificates,chromium-headless-shell
export PATH="$PATH:/usr/sbin:/sbin"

cannot() {
  echo "test-debian13: $1" >&2
  if [ -n "${CI:-}" ]; then exit 1; fi
  echo "test-debian13: skipped." >&2
  exit 0
}

[ "$(id -u)" = 0 ] || cannot "entering a Debian 13 tree needs root; run it as root."
command -v debootstrap >/dev/null || cannot "debootstrap is missing; install it (Debian, Ubuntu: apt-get install debootstrap)."
[ "$(uname -m)" = x86_64 ] || cannot "TFX has wheels for x86_64 only, and this machine is $(uname -m)."

# A tree without a browser is of an earlier version.
if [ ! -x "$tree/usr/bin/chromium-headless-shell" ]; then
  echo "test-debian13: making a Debian 13 tree in $tree (a minute or two)"
  mkdir -p "$(dirname "$tree")"
  making=$(mktemp -d "$tree.XXXXXX")
  trap 'rm -rf "$making"' EXIT
  debootstrap --variant=minbase --include="$packages" trixie "$making" >"$making.log" 2>&1 || {
    tail -n 20 "$making.log" >&2
    echo "test-debian13: debootstrap failed; the whole log is $making.log" >&2
    exit 1
  }
  chmod 755 "$making"
  chroot "$making" useradd --create-home user
  rm -rf "$tree"
  mv "$making" "$tree"
  rm "$making.log"
  trap - EXIT
fi

if [ -n "$(git -C "$checkout" status --porcelain)" ]; then
  echo "test-debian13: only what is committed is tested; this checkout has changes that are not."
fi
folder=/home/user/$(basename "$(mktemp -d "$tree/home/user/run.XXXXXX")")
trap 'rm -rf "$tree$folder"' EXIT
clone=$folder/checkout
git clone --quiet --no-hardlinks "$checkout" "$tree$clone"
# Temporary files go with the clone: what TensorFlow, TFX and tests leave behind would fill the disk within some runs.
mkdir "$tree$folder/tmp"
chroot "$tree" chown -R user: "$folder"

# How this machine reaches PyPI holds inside too; folders of this machine don't.
settings=$(env | grep -E '^(CI|TERM|VERBOSE|(PIP|UV|SSL|REQUESTS)_[A-Z_]+|(https?|no)_proxy|(HTTPS?|NO)_PROXY)=' |
  grep -vE '^(PIP_FIND_LINKS|UV_FIND_LINKS|UV_PYTHON[A-Z_]*|(PIP|UV)_[A-Z_]*DIR)=' || true)

# shellcheck disable=SC2016  # for the shell inside the namespaces to expand
enter='
set -e
tree=$1 tmp=$2
shift 2
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
for path in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/uv/uv.toml /etc/ssl/certs; do
  if [ -f "$path" ]; then mkdir -p "$tree$(dirname "$path")" && touch "$tree$path"; fi
  if [ -e "$path" ]; then mount --bind "$path" "$tree$path"; fi
done
cd "$tree"
exec chroot --userspec=user:user "$tree" env -i HOME=/home/user LANG=C.UTF-8 PATH=/usr/bin:/bin TMPDIR="$tmp" "$@"
'
[ $# -gt 0 ] || set -- test demo
IFS='
'
set -f
# shellcheck disable=SC2086  # a word a line
unshare --mount --pid --fork --kill-child --propagation private \
  sh -c "$enter" enter "$tree" "$folder/tmp" $settings make --no-print-directory -C "$clone" "$@"
