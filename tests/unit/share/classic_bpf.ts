/** A system call as a filter of seccomp(2) sees it. */
export interface SystemCall {
  /** AUDIT_ARCH_*. */
  readonly arch: number;
  readonly number: number;
  readonly args: readonly number[];
}

/** Runs a program of classic BPF (bpf(4) of FreeBSD, linux/filter.h) on one call; gives its value. */
export function runBpf(program: Uint8Array<ArrayBuffer>, call: SystemCall): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call.number, true);
  data.setUint32(4, call.arch, true);
  call.args.forEach((arg, index) => data.setBigUint64(16 + 8 * index, BigInt(arg), true));
  const view = new DataView(program.buffer);
  let accumulator = 0;
  for (let at = 0;; at++) {
    if (at * 8 >= program.length) throw new Error("the program runs over its end");
    const code = view.getUint16(at * 8, true);
    const [jt, jf] = [view.getUint8(at * 8 + 2), view.getUint8(at * 8 + 3)];
    const k = view.getUint32(at * 8 + 4, true);
    const branch = (isTrue: boolean) => at += isTrue ? jt : jf;
    switch (code) {
      case 0x20:
        if (k % 4 !== 0 || k >= 64) throw new Error(`seccomp refuses a load from ${k}`);
        accumulator = data.getUint32(k, true);
        break;
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x15:
        branch(accumulator === k);
        break;
      case 0x35:
        branch(accumulator >= k);
        break;
      case 0x45:
        branch((accumulator & k) !== 0);
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`unknown instruction ${code}`);
    }
  }
}
