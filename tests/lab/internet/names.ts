/** The closed network's only names and addresses: the table that grows with the tests. */
export const resolverAddress = "10.99.0.1";

export const names: readonly { readonly name: string; readonly address: string }[] = [
  { name: "allowed.test", address: "10.99.0.10" },
  { name: "evil.test", address: "10.99.0.11" },
];
