/** What cloud-hypervisor's documentation says of a field of a request. */
export interface DocumentedField {
  readonly type: "string" | "boolean" | "integer";
  /** Whether a request without it is refused. */
  readonly isRequired?: boolean;
  /** The only values, where they are listed. */
  readonly options?: readonly string[];
}

/** A body's fields by name; `undefined` where a request has no body. */
export type DocumentedBody = Readonly<Record<string, DocumentedField>> | undefined;

/**
 * The requests that nixbox makes of cloud-hypervisor, and of their bodies the fields that it sends:
 * written by hand from the API's documentation (docs/api.md and the OpenAPI description of version 53:
 * DiskConfig, FsConfig, VmRemoveDevice), not from the driver.
 */
export const documentedCalls: Readonly<Record<string, DocumentedBody>> = {
  "GET vmm.ping": undefined,
  "PUT vmm.shutdown": undefined,
  "GET vm.info": undefined,
  "PUT vm.power-button": undefined,
  "PUT vm.add-disk": {
    id: { type: "string" },
    path: { type: "string" },
    readonly: { type: "boolean" },
    serial: { type: "string" },
    image_type: { type: "string", options: ["FixedVhd", "Qcow2", "Raw", "Vhdx", "Unknown"] },
  },
  "PUT vm.add-fs": {
    id: { type: "string" },
    tag: { type: "string", isRequired: true },
    socket: { type: "string", isRequired: true },
    num_queues: { type: "integer", isRequired: true },
    queue_size: { type: "integer", isRequired: true },
  },
  "PUT vm.remove-device": {
    id: { type: "string" },
  },
};
