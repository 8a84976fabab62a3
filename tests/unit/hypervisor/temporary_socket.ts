/** A socket's path in its own directory, which goes with it. */
export class TemporarySocket implements AsyncDisposable {
  private constructor(readonly directory: string) {}

  static async make(): Promise<TemporarySocket> {
    return new TemporarySocket(await Deno.makeTempDir({ prefix: "nixbox-socket-" }));
  }

  get path(): string {
    return `${this.directory}/api.sock`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** The error that a promise ends with. */
export async function errorOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("it did not fail");
}
