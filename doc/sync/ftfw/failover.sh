#!/bin/sh
#
# Tells conntrackd that this firewall changed its role. The HA manager calls it with one word:
#
#   primary   this node carries the traffic from now on
#   backup    the other node does
#   fault     this node cannot carry traffic
#
# A step that fails is logged and the next one is taken all the same: half a fail-over is better than none. Only a
# daemon that does not start ends the script, with status 1.
#
# The settings may come from the environment.

: "${CONNTRACKD_BIN:=/usr/sbin/conntrackd}"
: "${CONNTRACKD_CONFIG:=/etc/conntrackd/conntrackd.conf}"
: "${CONNTRACKD_LOCK:=/var/lock/conntrack.lock}" # The LockFile of the configuration.
: "${CONNTRACKD_SHARED:=no}"                      # yes: both nodes carry traffic, each for addresses of its own.

complain() {
  if command -v logger >/dev/null 2>&1; then
    logger -t conntrackd-failover -p daemon.err -- "$1" 2>/dev/null
  fi
  echo "conntrackd-failover: $1" >&2
}

# Asks the daemon for one thing; says what went wrong with it.
ask() {
  "$CONNTRACKD_BIN" -C "$CONNTRACKD_CONFIG" "$1" && return 0
  complain "could not $2"
  return 1
}

# A daemon that was killed leaves its lock behind, and the lock would keep the next one from starting.
ensure_running() {
  "$CONNTRACKD_BIN" -C "$CONNTRACKD_CONFIG" -s >/dev/null 2>&1 && return 0
  if [ -e "$CONNTRACKD_LOCK" ]; then
    complain "conntrackd ended without cleaning up; removing its lock"
    rm -f -- "$CONNTRACKD_LOCK"
  fi
  ask -d "start conntrackd" || exit 1
}

# The purge empties the kernel's table: a node that lost one role and keeps another must not do that.
purge() {
  [ "$CONNTRACKD_SHARED" = yes ] || ask -t "schedule the purge of old entries"
}

case "${1:-}" in
primary)
  ask -c "commit the external cache to the kernel"
  ask -f "flush the caches"
  ask -R "read the kernel's table again"
  ask -B "send the table to the other node"
  # What the other node still carries was flushed with the rest.
  [ "$CONNTRACKD_SHARED" != yes ] || ask -n "request the table of the other node"
  ;;
backup)
  ensure_running
  purge
  ask -n "request the table of the other node"
  ;;
fault)
  purge
  ;;
*)
  echo "usage: $0 {primary|backup|fault}" >&2
  exit 1
  ;;
esac

exit 0
