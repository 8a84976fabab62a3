import type { NetworkPolicy } from "../../../lib/network/policy/policy.ts";

/** What a guest of the closed internet may reach in mode filtered. */
export const filteredPolicy: NetworkPolicy = {
  mode: "filtered",
  domains: ["allowed.test"],
  denied: [],
  ports: [80, 443],
  inspect: true,
  allowHost: [],
  allowPrivate: [],
  resolvers: ["80.0.2.1"],
};
