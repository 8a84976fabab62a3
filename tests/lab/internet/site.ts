/**
 * What every web server of the closed internet answers, by path: `/bytes/N` N bytes, `/slow/N` N
 * bytes one by one, `/count` the length of what was sent, files of /lab/internet/www, else who was
 * asked by whom, in JSON.
 */
export async function answer(
  request: Request,
  place: { readonly address: string; readonly client: string },
): Promise<Response> {
  const { hostname: name, pathname: path } = new URL(request.url);
  const [, verb, number] = /^\/(bytes|slow)\/(\d+)$/.exec(path) ?? [];
  if (verb === "bytes") return new Response(bytes(Number(number), 65536, 0));
  if (verb === "slow") return new Response(bytes(Number(number), 1, 100));
  if (path === "/count") return new Response(`${await lengthOf(request)}\n`);
  const file = path.includes("..") ? undefined : await fileOf(path);
  if (file !== undefined) return new Response(file.readable);
  const body = { name, address: place.address, path, client: place.client };
  return new Response(`${JSON.stringify(body)}\n`);
}

function bytes(count: number, most: number, pauseMs: number): ReadableStream<Uint8Array> {
  let left = count;
  const piece = new Uint8Array(most).fill(120);
  return new ReadableStream({
    async pull(controller) {
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      controller.enqueue(piece.subarray(0, Math.min(left, most)));
      left -= Math.min(left, most);
      if (left === 0) controller.close();
    },
  });
}

async function lengthOf(request: Request): Promise<number> {
  let sum = 0;
  for await (const chunk of request.body ?? []) sum += chunk.length;
  return sum;
}

async function fileOf(path: string): Promise<Deno.FsFile | undefined> {
  try {
    const file = await Deno.open(`/lab/internet/www${path}`);
    if ((await file.stat()).isFile) return file;
    file.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return undefined;
}
