#!/bin/sh
# curl through Gyre: every run is a new connection, and every connection leaves from the next address.
#
#   sh examples/curl.sh [URL]
#
# PROXY is Gyre's address, LOGIN `name:password` where it wants one. The URL should answer with the caller's address.
# A pool of loopback addresses reaches this machine only; beside `npm start`, ask its own echo:
#
#   sh examples/curl.sh http://127.0.0.1:1081
set -eu
proxy=${LOGIN:+$LOGIN@}${PROXY:-127.0.0.1:1080}
url=${1:-https://api.ipify.org}

# HTTP CONNECT. -p makes curl use CONNECT for http:// URLs as well; https:// URLs need no flag.
curl -sS -p -x "http://$proxy" "$url"
echo
# SOCKS5, the name resolved by Gyre (socks5h) or by curl (socks5).
curl -sS -x "socks5h://$proxy" "$url"
echo
curl -sS -x "socks5://$proxy" "$url"
echo
# From the environment, as for many other programs.
ALL_PROXY=socks5h://$proxy curl -sS "$url"
echo
