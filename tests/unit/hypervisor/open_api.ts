/** What an API description says of one call. */
export interface DescribedCall {
  readonly statuses: readonly number[];
  /** The body's fields; absent where there must be no body. */
  readonly fields?: ReadonlyMap<string, { readonly type?: string; readonly options?: string[] }>;
  readonly required: readonly string[];
}

interface Node {
  readonly value: string;
  readonly children: Map<string, Node>;
  readonly items: string[];
}

/**
 * Reads the part of YAML that cloud-hypervisor's API description is written in: mappings by
 * indentation, lists of plain words, and `[a, b]`. Text blocks are passed over.
 */
function readYaml(text: string): Node {
  const root: Node = { value: "", children: new Map(), items: [] };
  const open: { indent: number; node: Node }[] = [{ indent: -1, node: root }];
  for (const line of text.split("\n")) {
    const indent = line.search(/\S/);
    if (indent < 0 || line[indent] === "#") continue;
    while ((open.at(-1)?.indent ?? -1) >= indent) open.pop();
    const parent = open.at(-1)?.node ?? root;
    const item = /^\s*- (.*)$/.exec(line)?.[1];
    const [, key, value] = /^\s*"?([^":\s]+)"?:(?: +(.*))?$/.exec(line) ?? [];
    if (item !== undefined) parent.items.push(item);
    else if (key !== undefined) {
      const listed = /^\[(.*)\]$/.exec(value ?? "")?.[1];
      const items = listed?.split(",").map((word) => word.trim().replaceAll('"', "")) ?? [];
      const node = { value: (value ?? "").replaceAll('"', ""), children: new Map(), items };
      parent.children.set(key, node);
      open.push({ indent, node });
    }
  }
  return root;
}

function find(node: Node | undefined, ...path: readonly string[]): Node | undefined {
  return path.reduce<Node | undefined>((at, key) => at?.children.get(key), node);
}

/** The calls of an API description, by verb and name: `PUT vm.add-disk`. */
export function readOpenApi(text: string): ReadonlyMap<string, DescribedCall> {
  const root = readYaml(text);
  const schemas = find(root, "components", "schemas");
  const resolve = (node: Node | undefined): Node | undefined => {
    const reference = find(node, "$ref")?.value;
    return reference === undefined
      ? node
      : find(schemas, reference.slice(reference.lastIndexOf("/") + 1));
  };
  const calls = new Map<string, DescribedCall>();
  for (const [path, verbs] of find(root, "paths")?.children ?? []) {
    for (const [verb, call] of verbs.children) {
      const body = find(call, "requestBody", "content", "application/json", "schema");
      const schema = resolve(body);
      const fields = [...find(schema, "properties")?.children ?? []].map(([name, property]) => {
        const type = find(resolve(property), "type")?.value;
        const options = find(resolve(property), "enum")?.items;
        return [name, {
          ...(type === undefined ? {} : { type }),
          ...(options === undefined ? {} : { options }),
        }] as const;
      });
      calls.set(`${verb.toUpperCase()} ${path.slice(1)}`, {
        statuses: [...find(call, "responses")?.children.keys() ?? []].map(Number),
        required: find(schema, "required")?.items ?? [],
        ...(body === undefined ? {} : { fields: new Map(fields) }),
      });
    }
  }
  return calls;
}
