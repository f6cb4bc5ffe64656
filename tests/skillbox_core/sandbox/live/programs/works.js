// Runs inside a sandbox: what Node programs commonly need. Writes the names of what worked.
const { Worker, isMainThread, parentPort } = require("worker_threads");
const { execFileSync, fork } = require("child_process");
const crypto = require("crypto");
const fs = require("fs");
const http = require("http");
const os = require("os");

const event = (emitter, name) =>
  new Promise((resolve, reject) => {
    emitter.once(name, resolve);
    emitter.once("error", reject);
  });

async function threads() {
  if ((await event(new Worker(__filename), "message")) !== 42) throw Error("wrong answer");
}

async function processes() {
  if (execFileSync("sh", ["-c", "echo hi"]).toString() !== "hi\n") throw Error("wrong answer");
  if ((await event(fork(__filename, ["child"]), "message")) !== "here") throw Error("wrong answer");
}

async function httpOnLoopback() {
  const server = http.createServer((_, answer) => answer.end("pong")).listen(0, "127.0.0.1");
  await event(server, "listening");
  const answer = await event(http.get({ host: "127.0.0.1", port: server.address().port }), "response");
  if ((await event(answer, "data")).toString() !== "pong") throw Error("wrong answer");
  server.close();
}

async function fileWatching() {
  const watcher = fs.watch("/tmp");
  const seen = event(watcher, "change");
  fs.writeFileSync("/tmp/seen", "x");
  await seen;
  watcher.close();
  await fs.promises.rm("/tmp/seen");
}

async function theRest() {
  await new Promise((resolve) => crypto.pbkdf2("a", "b", 10, 8, "sha256", resolve));
  os.networkInterfaces();
  os.cpus();
}

async function main() {
  const done = [];
  for (const part of [threads, processes, httpOnLoopback, fileWatching, theRest]) {
    await part();
    done.push(part.name);
    console.log(part.name);
  }
  fs.writeFileSync("/sandbox/out/output.json", JSON.stringify(done));
}

if (!isMainThread) parentPort.postMessage(42);
else if (process.argv[2] === "child") process.send("here", () => process.disconnect());
else main();
