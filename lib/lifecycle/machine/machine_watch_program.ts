import type { ShellFunctions } from "../../host/shell_functions.ts";

/** Its name in the list of processes. */
export const programName = "nixbox-machine-watch";

/** KiB that must be free where a machine grows, on a large file system. */
export const largestFloorKB = 1_048_576;

/**
 * On a smaller one, so much of it: a partition of 10 GB would lose a tenth of itself, and one of 1 GB
 * could not be used at all.
 */
export const floorPercent = 5;

/** In per cent of the floor: what must be free before a machine that was stopped goes on. */
export const enoughPercent = 125;

/**
 * In per cent of the floor: with less than so much free it is looked at five times a second, so that a
 * machine that writes 3 GB a second does not come from there to nothing between two looks.
 */
const nearPercent = 400;

/** Prints "FREE FLOOR PLACE", in KiB, of each place with less than so many per cent of its floor. */
const short = `
short() {
  percent=$1
  shift
  for place; do
    # The guest can close a share's top, and move one that lies in another share.
    at=$tops/\${place##*/}
    [ -n "$tops" ] && [ -L "$at" ] || at=$place
    numbers=$(room "$at") || continue
    free=\${numbers% *} total=\${numbers#* }
    case $free$total in '' | *[!0-9]*) continue ;; esac
    # Nothing grows on what is read-only and full, as a CD is. What does not tell its size has no floor.
    [ "$free" -gt 0 ] || [ -w "$place/." ] || [ -O "$place" ] || continue
    floor=$((total * ${floorPercent} / 100))
    [ "$floor" -le ${largestFloorKB} ] || floor=${largestFloorKB}
    [ "$free" -ge "$((floor * percent / 100))" ] || echo "$free $floor $place"
  done
}
`;

const prelude = (functions: ShellFunctions) => `
stat=$1 df=$2 ps=$3 tail=$4 sleep=$5 curl=$6
shift 6
export LC_ALL=C
tops=
${functions}${short}`;

/**
 * Looks once. Arguments: STAT DF PS TAIL SLEEP CURL, then PERCENT and directories. Prints what
 * `short` does.
 */
export function lookProgram(functions: ShellFunctions): string {
  return `${prelude(functions)}short "$@" 2>/dev/null\n`;
}

/**
 * The small shell program that stays beside a machine, as its user, until the hypervisor ends.
 *
 * It cuts logs: what a file takes on the disk counts, not its length, since cloud-hypervisor goes on at
 * its own place in a file that was cut, so that the part before is a hole.
 *
 * It stops the machine while there is too little room: the hypervisor by a signal, since every thread of
 * it stops then, whatever its control socket is busy with. vfkit is not the process that its machine
 * runs in, so that it is asked. The master connection stops with it: else its keep-alives would take the
 * guest for gone, and end every command in it and every share over SSH. The cause is told before, so that
 * nobody finds a machine that is stopped without one. A machine is only ever stopped by its own watch,
 * which compares when the process started: another one that got the same pid is left alone.
 *
 * Logs are cut by a second process: a file system that does not answer holds up the first alone.
 *
 * Arguments: STAT DF PS TAIL SLEEP CURL, then "watch" or "go" and PID HYPERVISOR API_SOCKET CAUSE PLACES
 * SSH_CONFIG MASTER_PID_FILE LOGS LONGEST
 */
export function program(functions: ShellFunctions): string {
  return `${prelude(functions)}
what=$1 pid=$2 hypervisor=$3 socket=$4 cause=$5 places=$6 config=$7 master=$8
shift 8
logs=$1 longest=$2
tops=$places/../tops
start=$(started "$pid")

alive() { [ -n "$start" ] && kill -0 "$pid" && [ "$(started "$pid")" = "$start" ]; }

tell() { printf '%s\\n' "$1" >"$cause.new" && mv -f "$cause.new" "$cause"; }

# vfkit's word, and the signal of the others.
machine() {
  case $hypervisor in
    vfkit) "$curl" -sf -m 5 --unix-socket "$socket" -d "{\\"state\\":\\"$1\\"}" http://localhost/vm/state ;;
    *) kill -s "$2" "$pid" ;;
  esac
}

connection() {
  [ -f "$master" ] && read -r ssh <"$master" || return 0
  case $(words "$ssh") in *"$config"*) kill -s "$1" "$ssh" ;; esac
}

# Again and again, so that a signal of somebody else does not let it go on.
stop() {
  tell "$1"
  machine Pause STOP || [ -n "$paused" ] || { rm -f "$cause"; return; }
  paused=1
  connection STOP
}

go() {
  connection CONT
  machine Resume CONT && paused= && rm -f "$cause"
}

look() {
  pause=1 percent=100 lack=
  near=$(short ${nearPercent} "$places"/*)
  [ -z "$near" ] || pause=0.2
  [ -z "$paused" ] || percent=${enoughPercent}
  [ -z "$near" ] || lack=$(short "$percent" "$places"/*)
  if [ -n "$lack" ]; then stop "$lack"; elif [ -n "$paused" ]; then go; fi
}

cut() {
  for log in "$logs"/*.log; do
    [ -f "$log" ] && [ ! -L "$log" ] || continue
    set -- "$@" "$log"
  done
  [ "$#" -gt 0 ] || return
  blocks "$@" | while read -r count log; do
    [ "$((count * 512))" -gt "$longest" ] || continue
    "$tail" -c "$((longest / 2))" "$log" >"$log.old"
    true >"$log"
  done
}

if [ "$what" = go ]; then
  go
  exit
fi
while "$sleep" 1 && alive; do cut; done &
paused=
[ ! -e "$cause" ] || paused=1
while alive; do
  look
  "$sleep" "$pause"
done
rm -f "$cause"
`;
}
