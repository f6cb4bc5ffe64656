import { basename } from "node:path";

const [, script, ...words] = process.argv;
console.log(`${basename(script)}: ${words.map((word) => word[0]).join("")}`);
