#!/bin/sh
# Makes a whole prefix local to this host, so that Gyre can leave from every address in it (AnyIP). Root; until reboot.
#
#   sh deploy/network/anyip.sh 2001:db8:1::/64 && gyre serve --pool 2001:db8:1::/64
#
# That is all where the provider routes the prefix to the host. Where the router asks for each address on the link
# (neighbour discovery), somebody has to answer: see ndppd.conf. `gyre doctor` tells what is missing.
set -eu
prefix=${1:?a prefix such as 2001:db8:1::/64 or 192.0.2.0/28}
case $prefix in
  *:*)
    ip -6 route replace local "$prefix" dev lo
    sysctl -qw net.ipv6.ip_nonlocal_bind=1
    ;;
  *)
    ip route replace local "$prefix" dev lo
    ;;
esac
