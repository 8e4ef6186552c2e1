# SPDX-License-Identifier: ISC
# Runs in the guest of test/e2e/matrix.sh: tells what it sees, then ends as zw.do= asks.
word() { sed -n "s/.*$1=\([^ ]*\).*/\1/p" /proc/cmdline; }
mem=$(awk '/MemTotal/ { print $2 }' /proc/meminfo)
rtc=$(ls /sys/class/rtc 2>/dev/null)
echo "GUEST cpus=$(grep -c ^processor /proc/cpuinfo) mem=$mem" \
	"clock=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)" \
	"rtc=$rtc acpi=$([ -d /sys/firmware/acpi ] && echo 1)"
case $(word zw.do) in
reboot) reboot -f ;;
esac
