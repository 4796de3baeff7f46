#!/bin/sh
# install-packages.sh PACKAGE...: as root, Debian's packages without the services that they would start.
set -eu
export DEBIAN_FRONTEND=noninteractive

policy=/usr/sbin/policy-rc.d
# A folder of an earlier run that a SIGKILL ended is removed.
if [ ! -e $policy ] || grep -q mstdn-supervise $policy; then
  trap 'rm -f $policy' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\n# There only while npm test of mstdn-supervise installs packages.\nexit 101\n' >$policy
  chmod 755 $policy
fi

install() {
  apt-get -qy --no-install-recommends -o DPkg::Lock::Timeout=300 install "$@"
}

# The package lists may be missing or stale; mostly they are not.
install "$@" || { apt-get -q update && install "$@"; }
