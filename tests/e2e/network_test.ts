import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { changeAnswer, makeRepository, startSshd } from "./support/internet.ts";
import { nixboxArgv, TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

const curl = "curl -sS -m 5 -o /dev/null -w %{http_code}";

Deno.test("a filtered machine: what is allowed works, refusals are told, names change at once", async (t) => {
  await using project = await TestProject.make(`network = {
    mode = "filtered";
    domains = [ "allowed.test" ];
    ports = [ 80 443 22 ];
  };`);
  await project.mustUp();
  await Deno.copyFile("/lab/internet/ca.pem", `${project.directory}/ca.pem`);
  const status = async (...words: string[]) => await project.call(["network", ...words]);

  await t.step("allowed names work at the first try, 200 times", async () => {
    const loop =
      "for i in $(seq 100); do curl -sS -m 5 -o /dev/null http://allowed.test/$i || exit 1; " +
      "curl -sS -m 5 -o /dev/null http://n$i.many.allowed.test/ || exit 1; done";
    const { code, stderr } = await project.call(["run", "--", loop], { timeoutMs: 300_000 });
    assert.equal(code, 0, stderr);
  });

  await t.step("a name that was never asked for before, over TLS", async () => {
    const { stdout } = await project.run(
      "curl -sS -m 5 --cacert ca.pem https://www.allowed.test/x",
    );
    assert.equal(JSON.parse(stdout).name, "www.allowed.test");
  });

  await t.step("a connection in use outlives the answer that allowed it", async () => {
    const keep = project.run(
      "curl -sS --cacert ca.pem --rate 30/m https://allowed.test/1 https://allowed.test/2 " +
        "https://allowed.test/3 -w '%{num_connects}\\n' -o /dev/null -o /dev/null -o /dev/null",
    );
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await changeAnswer("80.0.113.20 allowed.test");
    const { code, stdout, stderr } = await keep;
    await changeAnswer("");
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "1\n0\n0\n");
  });

  await t.step("git clones over https", async () => {
    await makeRepository();
    const { code, stderr } = await project.run(
      "git -c http.sslCAInfo=$PWD/ca.pem clone -q https://allowed.test/repo.git /tmp/clone && cat /tmp/clone/file",
    );
    assert.equal(code, 0, stderr);
  });

  await t.step("large downloads and uploads are whole", async () => {
    const down = await project.run("curl -sS http://allowed.test/bytes/100000000 | wc -c");
    assert.equal(down.stdout, "100000000\n");
    const secure = await project.run(
      "curl -sS --cacert ca.pem https://allowed.test/bytes/20000000 | wc -c",
    );
    assert.equal(secure.stdout, "20000000\n");
    const up = await project.run(
      "head -c 20000000 /dev/zero | curl -sS -T - http://allowed.test/count",
    );
    assert.equal(up.stdout, "20000000\n");
  });

  await t.step("ssh, on port 22", async () => {
    await startSshd();
    const { stdout } = await project.run("nc -w 3 allowed.test 22 </dev/null | head -1");
    assert.match(stdout, /^SSH-2\.0-OpenSSH/);
  });

  await t.step("network log tells what was refused, and the line that would allow it", async () => {
    await project.run(
      `${curl} http://evil.test/; ${curl} http://80.0.113.11/; ${curl} http://10.55.0.10/; ` +
        `${curl} http://allowed.test:8080/; ${curl} http://10.201.0.1:2375/; ` +
        "curl -sS -m 5 --resolve other.test:443:80.0.113.10 https://other.test/; sudo ping -c1 -W1 80.0.113.10; true",
    );
    const { stdout, code } = await status("log");
    assert.equal(code, 0);
    for (
      const row of [
        /\d\d:\d\d:\d\d +\d+x +evil\.test +not in network\.domains +network\.domains = \[ "evil\.test" \];/,
        /80\.0\.113\.11 tcp\/80 +no allowed name has led to this address +network\.domains/,
        /10\.55\.0\.10 tcp\/80 +a private address +network\.allowPrivate = \[ "10\.55\.0\.10\/32" \];/,
        /80\.0\.113\.10 tcp\/8080 \([^)]*allowed\.test[^)]*\) +a port that is not in network\.ports +network\.ports = \[ 8080 \];/,
        /10\.201\.0\.1 tcp\/2375 +a service of this host +network\.allowHost = \[ 2375 \];/,
        /other\.test \(TLS to 80\.0\.113\.10\) +not in network\.domains/,
        /80\.0\.113\.10 icmp/,
      ]
    ) assert.match(stdout, row);
    const lines = (await status("log", "--json")).stdout.trim().split("\n");
    assert.ok(lines.every((line) => Math.abs(JSON.parse(line).time - Date.now()) < 600_000));
  });

  await t.step("network log --follow tells each as it comes", async () => {
    const follow = new Deno.Command(nixboxArgv()[0] ?? "", {
      args: [...nixboxArgv().slice(1), "network", "log", "--follow", "--json"],
      cwd: project.directory,
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = follow.stdout.pipeThrough(new TextDecoderStream()).getReader();
    await reader.read();
    await project.run(`${curl} http://neighbour.test/; true`);
    let text = "";
    while (!text.includes("neighbour.test")) {
      const { value, done } = await reader.read();
      assert.ok(!done, text);
      text += value;
    }
    follow.kill("SIGINT");
    await reader.cancel();
    await follow.status;
  });

  await t.step("network status tells the rules in words", async () => {
    const { stdout, code } = await status("status");
    assert.equal(code, 0);
    assert.match(stdout, /network\.mode "filtered", 10\.201\.0\.2/);
    assert.match(stdout, /only these names are resolved, by 80\.0\.2\.1: .*allowed\.test/);
    assert.match(stdout, /on 443 \(TLS\) and 80 \(HTTP\)/);
    assert.match(stdout, /now \d+ address/);
    const json = JSON.parse((await status("status", "--json")).stdout);
    assert.deepEqual(json.services, { dnsmasq: true, inspector: true });
  });

  await t.step("network allow works at once, and says how to make it last", async () => {
    assert.notEqual((await project.run(`${curl} http://evil.test/`)).code, 0);
    const { stdout, code } = await status("allow", "EVIL.test.");
    assert.equal(code, 0);
    assert.equal(
      stdout,
      'evil.test is allowed now; to make it last: network.domains = [ "evil.test" ];\n',
    );
    assert.equal((await project.run(`${curl} http://evil.test/`)).stdout, "200");
    assert.equal((await project.run(`${curl} http://allowed.test/`)).stdout, "200");
    assert.match((await status("allow", "evil.test")).stdout, /was allowed already/);
  });

  await t.step("network deny cuts at once what is open, and leaves the rest", async () => {
    const slow = project.run("curl -sS -m 30 http://evil.test/slow/200 | wc -c");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal((await status("deny", "evil.test")).code, 0);
    assert.ok(Number((await slow).stdout) < 200);
    assert.notEqual((await project.run(`${curl} http://evil.test/`)).code, 0);
    assert.notEqual((await project.run(`${curl} http://80.0.113.11/`)).code, 0);
    assert.equal((await project.run(`${curl} http://allowed.test/`)).stdout, "200");
    assert.equal((await status("deny", "www.allowed.test")).code, 0);
    assert.notEqual((await project.run(`${curl} http://www.allowed.test/`)).code, 0);
    assert.equal((await project.run(`${curl} http://allowed.test/`)).stdout, "200");
  });

  await t.step("wrong names are refused by their rule", async () => {
    for (const bad of ["a/b", "#", "1.2.3.4", "a b", "*"]) {
      assert.equal((await status("allow", bad)).code, 2, bad);
    }
  });

  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
  assert.equal((await status("log")).code, 3);
});

Deno.test("the guest is found again by ARP when its entry among the neighbours is gone", async () => {
  await using project = await TestProject.make();
  await project.mustUp();
  await run(["ip", "-netns", "nbx0", "neighbor", "delete", "10.201.0.2", "dev", "guest"]);
  assert.equal((await run(["nc", "-z", "-w", "3", "10.201.0.2", "22"], { accept: "any" })).code, 0);
});

Deno.test("open: network log, status and allow say what there is to say", async () => {
  await using project = await TestProject.make('network.mode = "open";');
  await project.mustUp();
  await project.run(`${curl} http://10.55.0.10/; true`);
  assert.match((await project.call(["network", "log"])).stdout, /10\.55\.0\.10 tcp\/80/);
  assert.match((await project.call(["network", "status"])).stdout, /every public address/);
  const { code, stderr } = await project.call(["network", "allow", "x.test"]);
  assert.equal(code, 1);
  assert.match(stderr, /it may reach every name/);
});
