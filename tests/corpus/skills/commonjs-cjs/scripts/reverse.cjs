const { reverse } = require("./reverse-text.cjs");

console.log(reverse(process.argv[2]));
