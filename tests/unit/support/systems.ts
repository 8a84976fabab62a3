import { detectHost } from "../../../lib/host/detect.ts";

const { os } = await detectHost();

/** A test of what only Linux has: namespaces, /proc. On a Mac it is told as ignored. */
export function testOnLinux(name: string, fn: (t: Deno.TestContext) => void | Promise<void>): void {
  Deno.test({ name, fn, ignore: os !== "linux" });
}
