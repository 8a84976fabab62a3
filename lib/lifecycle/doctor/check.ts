/** One thing that doctor looked at. Only `missing` keeps machines from going up. */
export interface Check {
  readonly name: string;
  readonly state: "ok" | "warning" | "missing";
  readonly detail: string;
  /** How to fix it: a command where there is one. */
  readonly hint?: string;
}
