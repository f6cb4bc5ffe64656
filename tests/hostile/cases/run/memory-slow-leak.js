// /// case
// promise = "a leak in another language ends as out of memory or by its own hand, and is named"
// status = "failed"
// reason = ["oom", "exit"]
// options = { timeout = "60s", cpu = "2" }
// needs = "memory accounting"
// ///
const kept = [];
for (;;) kept.push(Buffer.alloc(8 << 20, 1));
