#!/bin/sh
# Gives an EC2 instance more addresses to leave from, with public ones in front of them. Needs the aws CLI and the right to
# assign; costs money while it lasts. To be run on the instance.
#
#   COUNT=8 sh deploy/network/aws.sh eth0 && gyre serve --pool aws:eth0
#
# Gyre reads `aws:eth0` from the instance metadata (IMDSv2) again and again: addresses that come later are used at once.
set -eu
interface=${1:?an interface such as eth0}
count=${COUNT:-4}
metadata=http://169.254.169.254/latest
token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/api/token")
ask() { curl -sf -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/$1"; }
mac=$(cat "/sys/class/net/$interface/address")
eni=$(ask "network/interfaces/macs/$mac/interface-id")

aws ec2 assign-private-ip-addresses --network-interface-id "$eni" --secondary-private-ip-address-count "$count"
# The kernel has to know them as well; the metadata is a few seconds behind.
sleep 10
# The first one is the instance's own, with its public address.
for address in $(ask "network/interfaces/macs/$mac/local-ipv4s" | tail -n +2); do
  ip address replace "$address/32" dev "$interface"
  allocation=$(aws ec2 allocate-address --domain vpc --query AllocationId --output text)
  aws ec2 associate-address --allocation-id "$allocation" --network-interface-id "$eni" --private-ip-address "$address"
done
