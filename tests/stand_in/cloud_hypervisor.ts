/**
 * A stand-in for cloud-hypervisor's API server, for hosts without KVM: it follows the documented API
 * (vmm/src/api/openapi/cloud-hypervisor.yaml), and is stricter than the real one, which ignores
 * fields that it does not know. It answers as version 53 does: errors are JSON arrays of strings,
 * outermost first, and a removed device goes only when the guest has ejected it.
 */

/** A request as it came, for tests to look at. */
export interface SeenRequest {
  readonly method: string;
  readonly call: string;
  readonly body: unknown;
}

export interface StandInOptions {
  /** The guest ejects a device after so many looks at vm.info; it never does without. */
  readonly ejectsAfterLooks?: number;
  /** `undefined`: no VM was created. */
  readonly state?: "Created" | "Running" | "Paused" | "Shutdown" | undefined;
  readonly sharedMemory?: boolean;
  /** Fields that the server loses, as the real one does with those that it does not know. */
  readonly loses?: readonly string[];
}

type Fields = Readonly<Record<string, "string" | "boolean" | "number">>;

/** The schemas DiskConfig, FsConfig and VmRemoveDevice, as far as their fields are plain. */
const diskFields: Fields = {
  path: "string",
  readonly: "boolean",
  direct: "boolean",
  iommu: "boolean",
  num_queues: "number",
  queue_size: "number",
  vhost_user: "boolean",
  vhost_socket: "string",
  pci_segment: "number",
  pci_device_id: "number",
  id: "string",
  serial: "string",
  rate_limit_group: "string",
  backing_files: "boolean",
  sparse: "boolean",
  image_type: "string",
};
const fsFields: Fields = {
  tag: "string",
  socket: "string",
  num_queues: "number",
  queue_size: "number",
  pci_segment: "number",
  pci_device_id: "number",
  id: "string",
};
const removeFields: Fields = { id: "string" };

type Entry = Record<string, unknown>;

/** An answer that is an error. */
class Refusal extends Error {
  readonly reasons: readonly string[];

  constructor(readonly status: number, ...reasons: readonly string[]) {
    super(reasons.join(": "));
    this.reasons = reasons;
  }
}

export class StandInCloudHypervisor implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  readonly disks: Entry[] = [];
  readonly fs: Entry[] = [];
  /** Device ids, with the looks that are left until the guest ejects one that was removed. */
  readonly #devices = new Map<string, number | undefined>([["__serial", undefined]]);
  readonly #server: Deno.HttpServer<Deno.UnixAddr>;
  readonly #stop = new AbortController();
  #state: StandInOptions["state"];

  constructor(socketPath: string, private readonly options: StandInOptions = {}) {
    this.#state = "state" in options ? options.state : "Running";
    this.#server = Deno.serve(
      { path: socketPath, signal: this.#stop.signal, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#server.finished;
  }

  async #answer(request: Request): Promise<Response> {
    try {
      return await this.#route(request);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return Response.json(error.reasons, { status: error.status });
    }
  }

  async #route(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const call = /^\/api\/v1\/([a-z.-]+)$/.exec(pathname)?.[1];
    const text = await request.text();
    const route = call === undefined ? undefined : this.#routes[call];
    if (call === undefined || route === undefined) throw new Refusal(404, "Not found");
    if (request.method !== route.method) throw new Refusal(400, "Bad Request");
    if (!route.hasBody && text !== "") throw new Refusal(400, "Bad Request", "a body, unwanted");
    if (route.hasBody && request.headers.get("content-type") !== "application/json") {
      throw new Refusal(400, "Bad Request", "no JSON");
    }
    const body = route.hasBody ? parseBody(text) : undefined;
    this.requests.push({ method: request.method, call, body });
    return route.run(body ?? {});
  }

  readonly #routes: Readonly<
    Record<string, { method: string; hasBody: boolean; run: (body: Entry) => Response }>
  > = {
    "vmm.ping": {
      method: "GET",
      hasBody: false,
      run: () => Response.json({ build_version: "v53.0", version: "53.0.0", pid: 1, features: [] }),
    },
    "vm.info": { method: "GET", hasBody: false, run: () => this.#info() },
    "vm.add-disk": { method: "PUT", hasBody: true, run: (body) => this.#addDisk(body) },
    "vm.add-fs": { method: "PUT", hasBody: true, run: (body) => this.#addFs(body) },
    "vm.remove-device": { method: "PUT", hasBody: true, run: (body) => this.#remove(body) },
    "vm.power-button": { method: "PUT", hasBody: false, run: () => this.#powerButton() },
    "vmm.shutdown": { method: "PUT", hasBody: false, run: noContent },
  };

  #info(): Response {
    this.#requireVm("VmInfo");
    for (const [id, looks] of this.#devices) {
      if (looks === undefined) continue;
      if (looks === 0) this.#devices.delete(id);
      else this.#devices.set(id, looks - 1);
    }
    const tree = [...this.#devices.keys()].flatMap((id) => [
      [id, { id, resources: [], children: [] }],
      [`_virtio-pci-${id}`, { id: `_virtio-pci-${id}`, resources: [], children: [id] }],
    ]);
    return Response.json({
      config: {
        cpus: { boot_vcpus: 4, max_vcpus: 4 },
        memory: { size: 8589934592, shared: this.options.sharedMemory ?? true },
        payload: { kernel: "vmlinux" },
        disks: this.disks.length === 0 ? null : this.disks,
        fs: this.fs.length === 0 ? null : this.fs,
      },
      state: this.#state,
      memory_actual_size: 8589934592,
      device_tree: Object.fromEntries(tree),
    });
  }

  #addDisk(body: Entry): Response {
    this.#requireVm("VmAddDisk");
    requireFields(body, diskFields, []);
    const images = ["FixedVhd", "Qcow2", "Raw", "Vhdx", "Unknown"];
    if (!images.includes(String(body["image_type"] ?? "Unknown"))) {
      throw new Refusal(400, "Bad Request", `unknown variant ${body["image_type"]}`);
    }
    const path = String(body["path"]);
    if (!path.startsWith("/")) {
      throw new Refusal(500, "VmAddDisk", "DeviceManager", "Disk(NotFound)");
    }
    return this.#add(this.disks, { readonly: false, serial: null, ...body });
  }

  #addFs(body: Entry): Response {
    this.#requireVm("VmAddFs");
    requireFields(body, fsFields, ["tag", "socket", "num_queues", "queue_size"]);
    if (!(this.options.sharedMemory ?? true)) {
      throw new Refusal(
        500,
        "The new virtio-fs could not be added",
        "Error from device manager",
        "Using vhost-user requires using shared memory or huge pages",
      );
    }
    return this.#add(this.fs, body);
  }

  #add(list: Entry[], body: Entry): Response {
    const id = String(body["id"] ?? `_device${this.#devices.size}`);
    if (id.startsWith("__")) throw new Refusal(400, "Invalid configuration", `invalid id ${id}`);
    if (this.#devices.has(id)) throw new Refusal(409, "Device exists", `id ${id} is taken`);
    const kept = Object.entries(body).filter(([name]) => !this.options.loses?.includes(name));
    list.push({ ...Object.fromEntries(kept), id });
    this.#devices.set(id, undefined);
    if (this.#state === "Created") return noContent();
    return Response.json({ id, bdf: "0000:00:06.0" });
  }

  #remove(body: Entry): Response {
    this.#requireVm("VmRemoveDevice");
    requireFields(body, removeFields, ["id"]);
    const id = String(body["id"]);
    if (!this.#devices.has(id)) throw new Refusal(404, "VmRemoveDevice", `unknown device ${id}`);
    this.#devices.set(id, this.options.ejectsAfterLooks);
    for (const list of [this.disks, this.fs]) {
      const at = list.findIndex((entry) => entry["id"] === id);
      if (at >= 0) list.splice(at, 1);
    }
    return noContent();
  }

  #powerButton(): Response {
    this.#requireVm("VmPowerButton");
    if (this.#state === "Created") throw new Refusal(405, "VmPowerButton", "VM is not running");
    return noContent();
  }

  #requireVm(what: string): void {
    if (this.#state === undefined) throw new Refusal(404, what, "VM is not created");
  }
}

function noContent(): Response {
  return new Response(null, { status: 204 });
}

function parseBody(text: string): Entry {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null) return { ...body };
  } catch {
    // Told below.
  }
  throw new Refusal(400, "Bad Request", "invalid JSON");
}

function requireFields(body: Entry, fields: Fields, required: readonly string[]): void {
  for (const [name, value] of Object.entries(body)) {
    const type = fields[name];
    if (type === undefined) throw new Refusal(400, "Bad Request", `unknown field ${name}`);
    const found: string = typeof value;
    if (found !== type) throw new Refusal(400, "Bad Request", `${name} is not a ${type}`);
  }
  for (const name of required) {
    if (!(name in body)) throw new Refusal(400, "Bad Request", `missing field ${name}`);
  }
}
