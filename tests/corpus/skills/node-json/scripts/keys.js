#!/usr/bin/env node
const fs = require("fs");

const document = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify({ keys: Object.keys(document).sort() }));
