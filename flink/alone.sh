#!/bin/sh
# Runs a command alone: in network, process and mount namespaces of its own, with a folder for temporary files in memory.
#
# The command may make networks and machines (network namespaces) as it likes: none is reachable from elsewhere, and none
# reaches further than loopback. When the command ends, or this script is told to, or is killed, the kernel ends every
# process in there and takes networks, mounts and temporary files away with it. `--check` only says whether it can.
set -eu

export PATH="$PATH:/usr/sbin:/sbin"

cannot() {
  echo "$1" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || cannot "Machines made of network namespaces need root; run it as root."
for tool in ip:iproute2 unshare:util-linux setpriv:util-linux; do
  command -v "${tool%:*}" >/dev/null || cannot "${tool%:*} is missing; install it (Debian, Ubuntu: apt-get install ${tool#*:})."
done
[ "${1:-}" != --check ] || exit 0

# /run, because nothing under it is needed in there, and `ip netns` keeps its names there.
# shellcheck disable=SC2016  # for the shell inside the namespaces to expand
enter='
mount -t proc proc /proc
mount -t tmpfs -o mode=755,size=4g tmpfs /run
mkdir /run/netns /run/tmp
ip link set lo up
export TMPDIR=/run/tmp
"$@"
'

setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child --propagation private sh -euc "$enter" enter "$@" &
child=$!
# A plain signal does not pass unshare; with it gone, --kill-child ends the rest.
trap 'kill -KILL $child; exit 130' INT TERM HUP
wait $child
