import { NixboxError } from "../../base/error.ts";

// linux/prctl.h, linux/seccomp.h, signal.h
const PR_SET_NO_NEW_PRIVS = 38;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;
const SIGPIPE = 13;

const symbols = {
  prctl: { parameters: ["i32", "u64", "buffer", "u64", "u64"], result: "i32" },
  signal: { parameters: ["i32", "u64"], result: "pointer" },
  execvp: { parameters: ["buffer", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Becomes another program, for which and for whose children a filter of system calls (seccomp(2))
 * holds: what `setpriv --seccomp-filter` does from util-linux 2.41 on.
 *
 * @param filter struct sock_filter[].
 * @throws {NixboxError} if the kernel takes no filter, or there is no such program.
 */
export function becomeFiltered(filter: Uint8Array<ArrayBuffer>, argv: readonly string[]): never {
  const libc = Deno.dlopen("libc.so.6", symbols);
  const { prctl, signal, execvp } = libc.symbols;
  const words = argv.map(cString);
  const vector = new BigUint64Array(words.length + 1);
  words.forEach((word, index) => vector[index] = addressOf(word));
  // struct sock_fprog: a count of 16 bits, and from byte 8 on the address.
  const fprog = new BigUint64Array([BigInt(filter.length / 8), addressOf(filter)]);
  const none = new Uint8Array();
  // Deno ignores it, and what is ignored stays so.
  signal(SIGPIPE, 0n);
  const isLimited = prctl(PR_SET_NO_NEW_PRIVS, 1n, none, 0n, 0n) === 0 &&
    prctl(PR_SET_SECCOMP, BigInt(SECCOMP_MODE_FILTER), bytesOf(fprog), 0n, 0n) === 0;
  if (!isLimited) {
    throw new NixboxError("this kernel takes no filter of system calls (seccomp)", {
      hint: "a kernel with CONFIG_SECCOMP_FILTER is needed; in a container, allow seccomp",
    });
  }
  execvp(words[0] ?? none, bytesOf(vector));
  throw new NixboxError(`${argv[0]} could not be started`);
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}

function bytesOf(words: BigUint64Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(words.buffer);
}
