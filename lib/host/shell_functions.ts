/**
 * How a POSIX shell asks each OS what stays beside a machine wants to know: functions, which take their
 * programs from the variables `stat`, `df` and `ps`.
 *
 * - `blocks FILE...` prints "BLOCKS FILE" for each: 512 bytes each, what it takes on the disk.
 * - `room PATH` prints "FREE TOTAL" of the path's file system, in KiB, as this user may use it.
 * - `started PID` prints when a process started: only ever compared for equality.
 * - `words PID` prints its command line.
 */
export type ShellFunctions = string;

/** GNU's and BusyBox' stat(1), and proc(5). `stat -f` asks for one file system; df would ask for more. */
export const linuxFunctions: ShellFunctions = `
blocks() { "$stat" -c '%b %n' "$@"; }
room() {
  set -- $("$stat" -f -c '%a %b %S' "$1")
  [ "$#" = 3 ] && echo "$(($1 * $3 / 1024)) $(($2 * $3 / 1024))"
}
started() {
  read -r line <"/proc/$1/stat" || return 1
  set -- \${line##*)}
  echo "\${20}"
}
words() { tr '\\0' ' ' <"/proc/$1/cmdline"; }
`;

/**
 * BSD's stat(1), df(1) and ps(1). Of df's last line (name, size, used, free, percentage, place) the name
 * and the place may have blanks and per cent signs.
 */
export const darwinFunctions: ShellFunctions = `
blocks() { "$stat" -f '%b %N' "$@"; }
room() {
  numbers=$("$df" -Pk "$1" | "$tail" -n 1)
  set -f
  set -- \${numbers%"% /"*}
  set +f
  [ "$#" -ge 4 ] || return 1
  shift $(($# - 4))
  echo "$3 $1"
}
started() { TZ=UTC0 "$ps" -o lstart= -p "$1"; }
words() { "$ps" -ww -o command= -p "$1"; }
`;
