// /// case
// promise = "a secret is redacted in every form in which Node prints it, also in its error"
// env = { ODD = "pässwört\b\u001B\"x 0815" }
// status = "failed"
// reason = "exit"
// never_tells = ["ssw", "0815"]
// ///
const odd = process.env.ODD;
console.log([odd, { odd }], JSON.stringify(odd), encodeURIComponent(odd), new URLSearchParams({ odd }).toString());
throw new Error(JSON.stringify({ odd }));
