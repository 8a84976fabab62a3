// login [PROFILE]: logs in by SSO on this host, and hands short-lived credentials to the machine
//
// Credentials travel on standard input only; long-lived keys are never handed over.
import { openProject, printable, type ProjectHandle } from "nixbox";

interface Credentials {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly SessionToken: string;
  readonly Expiration: string;
}

/** Runs the host's aws; `undefined` where it ends with an error. */
async function aws(profile: string, ...words: string[]): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command("aws", {
    args: [...words, "--profile", profile],
    stdin: "null",
    stderr: "null",
  }).output();
  return success ? new TextDecoder().decode(stdout).trim() : undefined;
}

/** The format of `credential_process`: what the AWS CLI prints as "process". */
function parseCredentials(text: string): Credentials {
  const parsed: unknown = JSON.parse(text);
  const field = (name: keyof Credentials): string => {
    const value: unknown = Reflect.get(Object(parsed), name);
    if (typeof value === "string" && !/[\r\n]/.test(value)) return value;
    throw new Error(
      name === "SessionToken"
        ? "these are long-lived keys, which a machine is not given: use SSO, or a profile that assumes a role"
        : `the AWS CLI gave no ${name}`,
    );
  };
  return {
    AccessKeyId: field("AccessKeyId"),
    SecretAccessKey: field("SecretAccessKey"),
    SessionToken: field("SessionToken"),
    Expiration: field("Expiration"),
  };
}

async function obtain(profile: string): Promise<Credentials> {
  const words = ["configure", "export-credentials", "--format", "process"];
  const known = await aws(profile, ...words);
  if (known !== undefined) return parseCredentials(known);
  const { success } = await new Deno.Command("aws", {
    args: ["sso", "login", "--profile", profile],
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  if (!success) throw new Error(`aws sso login --profile ${profile} failed`);
  const fresh = await aws(profile, ...words);
  if (fresh === undefined) throw new Error(`the profile ${profile} has no credentials`);
  return parseCredentials(fresh);
}

async function handOver(
  project: ProjectHandle,
  profile: string,
  credentials: Credentials,
  region: string | undefined,
): Promise<void> {
  const keys = [
    `aws_access_key_id = ${credentials.AccessKeyId}`,
    `aws_secret_access_key = ${credentials.SecretAccessKey}`,
    `aws_session_token = ${credentials.SessionToken}`,
  ];
  const names = profile === "default" ? ["default"] : ["default", profile];
  const sections = names.map((name) => [`[${name}]`, ...keys, ""].join("\n"));
  await project.writeFile("~/.aws/credentials", sections.join("\n"), { mode: 0o600 });
  if (region === undefined || region === "") return;
  const config = names.map((name) =>
    `[${name === "default" ? name : `profile ${name}`}]\nregion = ${region}\n`
  );
  await project.writeFile("~/.aws/config", config.join("\n"), { mode: 0o600 });
}

/** Logs the machine's docker or podman in to the account's registry, where it has one of them. */
async function logInToRegistry(
  project: ProjectHandle,
  profile: string,
  region: string | undefined,
): Promise<void> {
  const found = await project.output(["sh", "-c", "command -v docker || command -v podman"]);
  const client = found.stdout.trim();
  if (client === "" || region === undefined || region === "") return;
  const query = ["sts", "get-caller-identity", "--query", "Account", "--output", "text"];
  const account = await aws(profile, ...query);
  const password = await aws(profile, "ecr", "get-login-password", "--region", region);
  if (!/^\d{12}$/.test(account ?? "") || password === undefined) {
    console.error("warning: no password for ECR; the profile may not use it");
    return;
  }
  const registry = `${account}.dkr.ecr.${region}.amazonaws.com`;
  const words = [client, "login", "--username", "AWS", "--password-stdin", registry];
  const { code, stderr } = await project.output(words, { stdin: password });
  console.error(code === 0 ? `logged in to ${registry}` : `warning: ${printable(stderr.trim())}`);
}

const profile = Deno.args[0] ?? Deno.env.get("AWS_PROFILE") ?? "default";
if (Deno.args.length > 1 || !/^[A-Za-z0-9_][A-Za-z0-9_@+=.,/-]*$/.test(profile)) {
  console.error("usage: nixbox aws login [PROFILE]");
  Deno.exit(2);
}
try {
  const project = await openProject(Deno.env.get("NIXBOX_PROJECT") ?? ".");
  const credentials = await obtain(profile);
  const region = await aws(profile, "configure", "get", "region");
  await handOver(project, profile, credentials, region);
  console.error(`the machine has the credentials of ${profile} until ${credentials.Expiration}`);
  await logInToRegistry(project, profile, region);
} catch (error) {
  const isMissing = error instanceof Deno.errors.NotFound;
  const message = error instanceof Error ? error.message : String(error);
  console.error(
    `error: ${isMissing ? "the AWS CLI (aws) is not installed on this host" : message}`,
  );
  Deno.exit(1);
}
