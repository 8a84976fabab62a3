import { NixboxError } from "../base/error.ts";
import { waitFor } from "../base/wait.ts";

/** Connects to a control socket, which may not be there yet. */
export async function connectSocket(
  path: string,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<Deno.UnixConn> {
  const connection = await waitFor(async () => {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      if (isNotReady(error)) return undefined;
      throw new NixboxError("the hypervisor's control socket cannot be used", {
        where: path,
        cause: error,
      });
    }
  }, options);
  if (connection !== undefined) return connection;
  throw new NixboxError(
    `the hypervisor did not open its control socket within ${
      Math.round(options.timeoutMs / 1000)
    } s`,
    { where: path, hint: "see `nixbox logs hypervisor`" },
  );
}

/** Not made yet, made but not listened to, or with a full queue. */
function isNotReady(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.ConnectionRefused ||
    error instanceof Deno.errors.WouldBlock;
}
