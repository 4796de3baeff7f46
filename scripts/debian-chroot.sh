#!/bin/sh
# debian-chroot.sh SUITE [vitest arguments]: makes or reuses the chroot in .cache/debian/SUITE and runs npm test of a new clone in
# it. scripts/debian.js runs this as process 1 of a PID namespace, in a mount namespace of its own, which ends with it.
set -eu
suite=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
chroot=$root/.cache/debian/$suite
repository=/srv/mstdn-supervise # in the new system
packages='ca-certificates git nodejs npm'

make_chroot() {
  echo "Making a chroot of Debian $suite in $chroot" >&2
  rm -rf "$chroot.incoming"
  debootstrap --variant=minbase "$suite" "$chroot.incoming" "$DEBIAN_MIRROR" >&2
  mv "$chroot.incoming" "$chroot"
}

mount_filesystems() {
  mount --bind "$chroot" "$chroot" # a root has to be a mount
  mount -t proc proc "$chroot/proc"
  mount --rbind /sys "$chroot/sys"
  mount --rbind /dev "$chroot/dev"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$chroot/dev/pts"
  mount --bind "$chroot/dev/pts/ptmx" "$chroot/dev/ptmx"
  mount -t tmpfs -o mode=1777 tmpfs "$chroot/dev/shm"
}

# The kernel refuses user namespaces, which some tests make, to a process that chroot(2) has moved. So this changes the root of
# the mount namespace. From here on every path is one of the new system.
enter() {
  cd "$chroot"
  pivot_root . mnt
  umount --lazy /mnt
}

# The host's way to the network: name servers, npm's settings, and a certificate that a proxy may need.
copy_network_settings() {
  cp --dereference /etc/resolv.conf "$chroot/etc/resolv.conf"
  if [ -e "$HOME/.npmrc" ]; then cp "$HOME/.npmrc" "$chroot/root/.npmrc"; fi
  if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then cp "$NODE_EXTRA_CA_CERTS" "$chroot/etc/extra-ca-certificates.crt"; fi
}

# The downloads of an earlier clone stay. npm test checks their versions.
clone() {
  old=$chroot$repository.old
  if [ -e "$chroot$repository" ]; then
    rm -rf "$old"
    mv "$chroot$repository" "$old"
  fi
  git clone --quiet "$root" "$chroot$repository"
  for downloads in node_modules .cache; do
    if [ -e "$old/$downloads" ]; then mv "$old/$downloads" "$chroot$repository/"; fi
  done
  rm -rf "$old"
  echo "Testing $(git -C "$chroot$repository" log -1 --format='%h %s')" >&2
}

run() {
  env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive ${TERM:+"TERM=$TERM"} ${CI:+"CI=$CI"} \
    ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} ${no_proxy:+"no_proxy=$no_proxy"} \
    ${npm_config_registry:+"npm_config_registry=$npm_config_registry"} \
    ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS=/etc/extra-ca-certificates.crt} "$@"
}

install_node() {
  # shellcheck disable=SC2086 # a list of names
  if run dpkg-query -W $packages >/dev/null 2>&1; then return; fi
  echo "Installing Debian's packages: $packages" >&2
  # shellcheck disable=SC2086
  run sh -c 'apt-get -q update && apt-get -qy --no-install-recommends install "$@"' sh $packages >&2
}

mkdir -p "$root/.cache/debian"
exec 9>"$chroot.lock"
flock --nonblock 9 || { echo "another run uses $chroot: wait for its end" >&2; exit 1; }
[ -e "$chroot" ] || make_chroot
echo force-unsafe-io >"$chroot/etc/dpkg/dpkg.cfg.d/unsafe-io" # a chroot that a crash damages is made anew
mount_filesystems
copy_network_settings
rm -rf "$chroot/tmp/"* # what a run left that was killed
clone
enter
install_node
cd "$repository"
status=0
run npm test -- "$@" || status=$?
run dpkg-query -W -f '${Package} ${Version}\n' \
  nodejs ruby puma ruby-sidekiq ruby-rails redis-server postgresql >&2 || true
exit "$status"
