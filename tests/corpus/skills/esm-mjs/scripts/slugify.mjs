import { slug } from "./lib/slug.mjs";

console.log(JSON.stringify(process.argv.slice(2).map(slug)));
