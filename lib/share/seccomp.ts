import type { NixSystem } from "../host/host.ts";

/**
 * A filter of system calls for the programs that make files on this host at a guest's word:
 * a file with a set-user-id or set-group-id bit would give whoever runs it here the rights of its
 * owner, and a device file those of its device. What makes such a file fails with EPERM, like every
 * way past the filter: openat2 (its mode lies behind a pointer, which no filter can follow) is
 * answered ENOSYS, so that programs fall back to openat; io_uring is refused; system calls of another
 * architecture end the program. Extended attributes are refused whole: `security.capability` is a
 * set-user-id bit by another name.
 *
 * The bits mean something else on directories, but a filter does not see what a file is, so that
 * they are refused there too.
 *
 * @returns A program of classic BPF, as seccomp(2) takes it: struct sock_filter[], little-endian.
 */
export function modeFilter(system: NixSystem): Uint8Array<ArrayBuffer> {
  const arch = system === "aarch64-linux" ? aarch64 : x86_64;
  const program = [
    load(archOffset),
    ...unlessEqual(arch.audit, [ret(killProcess)]),
    load(numberOffset),
    // x32: the numbers of x86-64 with their own bit.
    ...(arch.x32 === undefined ? [] : [jump(jumpGreaterOrEqual, arch.x32, 0, 1), ret(killProcess)]),
    ...arch.modes.flatMap(([number, mode]) => whenCall(number, refuseBits(mode))),
    ...arch.opens.flatMap(([number, flags, mode]) =>
      whenCall(number, [
        load(argumentOffset(flags)),
        // Without these the mode means nothing, and may be anything.
        jump(jumpAnyBit, createFlags, 1, 0),
        ret(allow),
        ...refuseBits(mode),
      ])
    ),
    ...arch.nodes.flatMap(([number, mode]) =>
      whenCall(number, [
        load(argumentOffset(mode)),
        { code: and, jt: 0, jf: 0, k: typeBits },
        ...whenEqual(characterDevice, [ret(refuse(EPERM))]),
        ...whenEqual(blockDevice, [ret(refuse(EPERM))]),
        ...refuseBits(mode),
      ])
    ),
    ...arch.attributes.flatMap((number) => whenCall(number, [ret(refuse(EOPNOTSUPP))])),
    ...ioUring.flatMap((number) => whenCall(number, [ret(refuse(EPERM))])),
    ...whenCall(openat2, [ret(refuse(ENOSYS))]),
    ret(allow),
  ];
  return encoded(program);
}

/** One instruction: struct sock_filter of linux/filter.h. */
interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** What is different from one processor to another (asm/unistd.h; numbers of system calls). */
interface Architecture {
  /** AUDIT_ARCH_* of linux/audit.h. */
  readonly audit: number;
  readonly x32?: number;
  /** Calls that set a mode: number, and which argument it is. */
  readonly modes: readonly (readonly [number, number])[];
  /** Calls that may make a file: number, argument of flags, argument of mode. */
  readonly opens: readonly (readonly [number, number, number])[];
  /** Calls that make a file of any kind: number, argument of mode. */
  readonly nodes: readonly (readonly [number, number])[];
  /** setxattr, lsetxattr, fsetxattr, setxattrat. */
  readonly attributes: readonly number[];
}

const x86_64: Architecture = {
  audit: 0xc000003e,
  x32: 0x40000000,
  // chmod, fchmod, fchmodat, fchmodat2, creat; mkdir takes no such bits
  modes: [[90, 1], [91, 1], [268, 2], [452, 2], [85, 1]],
  opens: [[2, 1, 2], [257, 2, 3]],
  nodes: [[133, 1], [259, 2]],
  attributes: [188, 189, 190, 463],
};

const aarch64: Architecture = {
  audit: 0xc00000b7,
  // fchmod, fchmodat, fchmodat2
  modes: [[52, 1], [53, 2], [452, 2]],
  opens: [[56, 2, 3]],
  nodes: [[33, 2]],
  attributes: [5, 6, 7, 463],
};

/** The same on both. */
const openat2 = 437;
const ioUring = [425, 426, 427];

const EPERM = 1;
const ENOSYS = 38;
const EOPNOTSUPP = 95;

/** S_ISUID | S_ISGID. */
const privilegeBits = 0o6000;
/** O_CREAT | __O_TMPFILE. */
const createFlags = 0o20000100;
/** S_IFMT, S_IFCHR, S_IFBLK. */
const typeBits = 0o170000;
const characterDevice = 0o020000;
const blockDevice = 0o060000;

// linux/seccomp.h
const allow = 0x7fff0000;
const killProcess = 0x80000000;
const refuse = (errno: number) => 0x00050000 | errno;

// struct seccomp_data: the call's number, the architecture, and six arguments of 64 bits from 16 on.
// Both architectures are little-endian, and all that is looked at is in the lower half.
const numberOffset = 0;
const archOffset = 4;
const argumentOffset = (index: number) => 16 + 8 * index;

// linux/bpf_common.h
const loadAbsolute = 0x20;
const and = 0x54;
const jumpEqual = 0x15;
const jumpGreaterOrEqual = 0x35;
const jumpAnyBit = 0x45;
const returnValue = 0x06;

const load = (k: number): Instruction => ({ code: loadAbsolute, jt: 0, jf: 0, k });
const ret = (k: number): Instruction => ({ code: returnValue, jt: 0, jf: 0, k });
const jump = (code: number, k: number, jt: number, jf: number): Instruction => ({
  code,
  jt,
  jf,
  k,
});

function whenEqual(value: number, then: readonly Instruction[]): readonly Instruction[] {
  return [jump(jumpEqual, value, 0, then.length), ...then];
}

function unlessEqual(value: number, then: readonly Instruction[]): readonly Instruction[] {
  return [jump(jumpEqual, value, then.length, 0), ...then];
}

/** `then` must end the program: it may load something else than the call's number. */
function whenCall(number: number, then: readonly Instruction[]): readonly Instruction[] {
  return whenEqual(number, then);
}

function refuseBits(argument: number): readonly Instruction[] {
  return [
    load(argumentOffset(argument)),
    jump(jumpAnyBit, privilegeBits, 0, 1),
    ret(refuse(EPERM)),
    ret(allow),
  ];
}

function encoded(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k >>> 0, true);
  });
  return bytes;
}
